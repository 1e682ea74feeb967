// SPDX-License-Identifier: Apache-2.0
// One matrix of weights times some tokens, as kernels on GPUs get it: a whole gemv, or what one
// expert of a mixture has to do.
#pragma once

#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {

struct Matmul {
  const void* w;          // [n][k]
  const float* x;         // [..][k]
  float* y;               // [tokens][n]
  const int32_t* x_rows;  // row of x of each token; null: they follow one another
  int64_t tokens, n, k;
  bool accumulate;

  __device__ const float* input(int64_t token) const {
    return x + (x_rows == nullptr ? token : x_rows[token]) * k;
  }
  __device__ void output(int64_t token, int64_t row, float sum) const {
    float* out = y + token * n + row;
    *out = accumulate ? *out + sum : sum;
  }
};

inline Matmul matmul_of(const Args& args) {
  return {.w = args.buffer[0].data,
          .x = pointer<float>(args, 1),
          .y = pointer<float>(args, 2),
          .x_rows = nullptr,
          .tokens = args.n[0],
          .n = args.n[1],
          .k = args.n[2],
          .accumulate = args.n[3] != 0};
}

}  // namespace membound::gpu

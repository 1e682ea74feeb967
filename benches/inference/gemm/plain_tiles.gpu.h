// SPDX-License-Identifier: Apache-2.0
// Many tokens in f32, which no matrix unit multiplies exactly: tiles through shared memory, 16
// outputs a thread.
#pragma once

#include "benches/inference/kernels/matmul.gpu.h"

namespace membound::gpu {

inline constexpr int kPlainTile = 64;  // rows and tokens of a block
inline constexpr int kPlainDepth = 16;
inline constexpr int kPlainThreads = 256;

__global__ void __launch_bounds__(kPlainThreads) plain_tiles(Matmul m) {
  constexpr int kOwn = 4;  // rows and tokens of a thread
  // A column more, so that what is stored by columns goes to all banks.
  __shared__ float w[kPlainDepth][kPlainTile + 1], x[kPlainDepth][kPlainTile + 1];
  let_next_start();
  wait_for_previous();
  const int64_t first_row = int64_t{blockIdx.x} * kPlainTile;
  const int64_t first_token = int64_t{blockIdx.y} * kPlainTile;
  const int row = threadIdx.x % 16, token = threadIdx.x / 16;
  float sums[kOwn][kOwn] = {};
  for (int64_t k = 0; k < m.k; k += kPlainDepth) {
    for (int i = threadIdx.x; i < kPlainTile * kPlainDepth; i += kPlainThreads) {
      const int at = i / kPlainDepth, depth = i % kPlainDepth;
      const bool inside = k + depth < m.k;
      const int64_t r = first_row + at, t = first_token + at;
      w[depth][at] = inside && r < m.n ? static_cast<const float*>(m.w)[r * m.k + k + depth] : 0.0f;
      x[depth][at] = inside && t < m.tokens ? m.input(t)[k + depth] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int depth = 0; depth < kPlainDepth; ++depth) {
      float a[kOwn], b[kOwn];
#pragma unroll
      for (int i = 0; i < kOwn; ++i) {
        a[i] = w[depth][row + 16 * i];
        b[i] = x[depth][token + 16 * i];
      }
#pragma unroll
      for (int i = 0; i < kOwn; ++i) {
#pragma unroll
        for (int j = 0; j < kOwn; ++j) sums[i][j] += a[i] * b[j];
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < kOwn; ++i) {
    for (int j = 0; j < kOwn; ++j) {
      const int64_t r = first_row + row + 16 * i, t = first_token + token + 16 * j;
      if (r < m.n && t < m.tokens) m.output(t, r, sums[i][j]);
    }
  }
}

}  // namespace membound::gpu

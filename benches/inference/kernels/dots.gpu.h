// SPDX-License-Identifier: Apache-2.0
// A block takes some rows of weights of a plain type with a few tokens, in f32: its threads stride
// over k, so that even few rows fill the device, and meet at the end.
//
// What has to be in flight is latency times rate, 29 KB an SM of an H200. A thread has kBatch loads
// of 16 bytes under way: 32 KB for each 256 threads. Activations come from the L1, and serve all
// rows of the block. The first weights are asked for before the launch that makes the activations
// has ended.
#pragma once

#include "benches/inference/kernels/matmul.gpu.h"

namespace membound::gpu {

inline constexpr int kBatch = 8;  // loads under way
inline constexpr int kMostDotThreads = 256;

// One element or as many as fit 16 bytes, as words.
template <typename T, int kWidth>
__device__ void load_weights(const T* from, uint32_t* words) {
  if constexpr (kWidth > 1) {
    const auto vector = load_once<4>(reinterpret_cast<const uint32_t*>(from));
#pragma unroll
    for (int i = 0; i < 4; ++i) words[i] = vector[i];
  } else if constexpr (sizeof(T) == 4) {
    words[0] = *reinterpret_cast<const uint32_t*>(from);
  } else {
    words[0] = *reinterpret_cast<const uint16_t*>(from);
  }
}

template <int kWidth>
__device__ void load_activations(const float* from, float* out) {
  constexpr int kStep = kWidth < 4 ? kWidth : 4;
#pragma unroll
  for (int i = 0; i < kWidth; i += kStep) {
    const auto vector = load<kStep>(from + i);
#pragma unroll
    for (int j = 0; j < kStep; ++j) out[i + j] = vector[j];
  }
}

// kRows rows and kTokens tokens at once; kWidth elements a load.
template <typename T, int kRows, int kTokens, int kWidth>
class Dots {
 public:
  __device__ Dots(const Matmul& matmul, int64_t first_row) : m_(matmul), pieces_(m_.k / kWidth) {
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const int64_t row = first_row + r < m_.n ? first_row + r : m_.n - 1;
      rows_[r] = static_cast<const T*>(m_.w) + row * m_.k;
    }
  }

  // The first weights of a thread, which depend on no other launch.
  __device__ void begin() { fetch(threadIdx.x); }

  // Adds this thread's part of tokens [first, first + kTokens), after begin().
  __device__ void add(int64_t first, float (&sums)[kTokens][kRows]) {
    const float* x[kTokens];
#pragma unroll
    for (int t = 0; t < kTokens; ++t) {
      x[t] = m_.input(first + t < m_.tokens ? first + t : m_.tokens - 1);
    }
    for (int64_t i = threadIdx.x;;) {
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        if (i + u * stride() < pieces_) use(u, (i + u * stride()) * kWidth, x, sums);
      }
      i += kUnroll * stride();
      if (i >= pieces_) break;
      fetch(i);
    }
  }

 private:
  static constexpr int kUnroll = kBatch / kRows;

  __device__ static int64_t stride() { return blockDim.x; }

  __device__ void fetch(int64_t i) {
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int64_t at = i + u * stride();
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        if (at < pieces_) load_weights<T, kWidth>(rows_[r] + at * kWidth, words_[u][r]);
      }
    }
  }

  __device__ void use(int u, int64_t k, const float* const* x, float (&sums)[kTokens][kRows]) {
#pragma unroll
    for (int t = 0; t < kTokens; ++t) {
      float activations[kWidth];
      load_activations<kWidth>(x[t] + k, activations);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
#pragma unroll
        for (int e = 0; e < kWidth; ++e) {
          sums[t][r] += element<T>(words_[u][r], e) * activations[e];
        }
      }
    }
  }

  const Matmul& m_;
  const int64_t pieces_;
  const T* rows_[kRows];
  uint32_t words_[kUnroll][kRows][4];
};

// Sums of all threads to the outputs of a block's rows and tokens, through shared memory: up to 32
// threads add up each. The whole block calls it.
template <int kRows, int kTokens>
__device__ void write_dots(const Matmul& m, int64_t first_row, int64_t first_token,
                           const float (&sums)[kTokens][kRows]) {
  constexpr int kSums = kTokens * kRows;
  __shared__ float parts[kSums][kMostDotThreads];
  const int thread = threadIdx.x, threads = blockDim.x;
#pragma unroll
  for (int t = 0; t < kTokens; ++t) {
#pragma unroll
    for (int r = 0; r < kRows; ++r) parts[t * kRows + r][thread] = sums[t][r];
  }
  __syncthreads();
  int adders = 32;
  while (adders * kSums > threads) adders /= 2;
  const int output = thread / adders;
  float sum = 0;
  if (output < kSums) {
    for (int i = thread % adders; i < threads; i += adders) sum += parts[output][i];
  }
  sum = join_group<Sum>(sum, adders);
  const int64_t token = first_token + output / kRows, row = first_row + output % kRows;
  if (thread % adders == 0 && output < kSums && token < m.tokens && row < m.n) {
    m.output(token, row, sum);
  }
  __syncthreads();
}

// Rows [first_row, first_row + kRows) with all tokens.
template <typename T, int kRows, int kTokens, int kWidth>
__device__ void rows_by_dots(const Matmul& m, int64_t first_row) {
  let_next_start();
  Dots<T, kRows, kTokens, kWidth> dots(m, first_row);
  dots.begin();
  wait_for_previous();
  for (int64_t token = 0; token < m.tokens; token += kTokens) {
    if (token > 0) dots.begin();
    float sums[kTokens][kRows] = {};
    dots.add(token, sums);
    write_dots<kRows, kTokens>(m, first_row, token, sums);
  }
}

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// Reductions over a wave (32 threads on NVIDIA, 64 on CDNA), parts of one, and a block. All threads
// concerned call them together and all get the result; the order of additions is fixed.
#pragma once

#include "backends/gpu/kernel.h"

namespace membound::gpu {

inline constexpr int kMostWaves = 1024 / 32;  // in a block

__device__ inline int lane() { return static_cast<int>(threadIdx.x) % wave_size(); }
__device__ inline int wave_of_block() { return static_cast<int>(threadIdx.x) / wave_size(); }
__device__ inline int waves_of_block() {
  return (static_cast<int>(blockDim.x) + wave_size() - 1) / wave_size();
}

struct Sum {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Max {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

// Over groups of `width` neighbouring threads, a power of two up to the wave's size.
template <typename T, typename Combine>
__device__ T wave_reduce(T x, int width, Combine combine) {
  for (int step = width / 2; step > 0; step /= 2) x = combine(x, shuffle_xor(x, step, width));
  return x;
}

template <typename T>
__device__ T wave_sum(T x, int width = wave_size()) {
  return wave_reduce(x, width, Sum{});
}

template <typename T>
__device__ T wave_max(T x, int width = wave_size()) {
  return wave_reduce(x, width, Max{});
}

template <typename T, typename Combine>
__device__ T block_reduce(T x, Combine combine) {
  __shared__ T of_wave[kMostWaves];
  x = wave_reduce(x, wave_size(), combine);
  if (lane() == 0) of_wave[wave_of_block()] = x;
  __syncthreads();
  T result = of_wave[0];
  for (int i = 1; i < waves_of_block(); ++i) result = combine(result, of_wave[i]);
  __syncthreads();  // the next call writes it again
  return result;
}

template <typename T>
__device__ T block_sum(T x) {
  return block_reduce(x, Sum{});
}

template <typename T>
__device__ T block_max(T x) {
  return block_reduce(x, Max{});
}

}  // namespace membound::gpu

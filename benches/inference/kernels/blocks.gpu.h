// SPDX-License-Identifier: Apache-2.0
// What all threads of a block find out together. The whole block calls these.
#pragma once

#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {

// `combine` of the values of all kThreads threads, in a fixed order.
template <int kThreads, typename T, typename Combine>
__device__ T over_block(T value, Combine combine) {
  static_assert(kThreads % kWarp == 0);
  constexpr int kWarps = kThreads / kWarp;
  __shared__ T parts[kWarps];
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
    value = combine(value, shuffle_xor(value, lanes));
  }
  __syncthreads();  // whoever still reads the parts of a call before
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = value;
  __syncthreads();
  value = parts[0];
  for (int i = 1; i < kWarps; ++i) value = combine(value, parts[i]);
  return value;
}

template <int kThreads>
__device__ float sum_over_block(float value) {
  return over_block<kThreads>(value, [](float a, float b) { return a + b; });
}

// True for the block that is the last of `count` to have written what came before. The whole block
// calls it.
__device__ inline bool last_to_arrive(int32_t* arrived, int64_t count) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(arrived, 1) == count - 1;
    if (last) *arrived = 0;
    __threadfence();
  }
  __syncthreads();
  return last;
}

}  // namespace membound::gpu

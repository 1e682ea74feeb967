// SPDX-License-Identifier: Apache-2.0
// Where kernels that only read leave their result: a block joins its threads' values and adds them
// to one of the slots of buffer `slots`, on a cache line that few blocks share.
#pragma once

#include "backends/gpu/block.h"

namespace membound::gpu {

struct Xor {
  __device__ uint32_t operator()(uint32_t a, uint32_t b) const { return a ^ b; }
};

__device__ inline void add_to(uint32_t* slot, uint32_t value) { atomicXor(slot, value); }
__device__ inline void add_to(float* slot, float value) { atomicAdd(slot, value); }
__device__ inline void add_to(double* slot, double value) { atomicAdd(slot, value); }

template <typename Join, typename T>
__device__ void add_to_slots(T value, T* slots, int64_t count) {
  constexpr int64_t kLine = 64 / sizeof(T);
  __shared__ T waves[kMostThreads / 32];
  value = join_block<Join>(value, waves);
  if (threadIdx.x == 0) add_to(slots + blockIdx.x * kLine % count, value);
}

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// The layout of the KV cache on GPUs, which rope_append writes and attention reads.
#pragma once

#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {

// Per sequence and kv head K is [capacity][d]. V is [capacity / 16][d][16]: values of an element
// lie together over 16 positions, so that both products find 16 bytes in the order in which matrix
// units add, and a context is still one stream.
inline constexpr int kCacheBlock = 16;  // positions, which capacities are multiples of

__host__ __device__ constexpr int64_t key_index(int64_t position, int64_t i, int64_t d) {
  return position * d + i;
}
__host__ __device__ constexpr int64_t value_index(int64_t position, int64_t i, int64_t d) {
  return (position / kCacheBlock * d + i) * kCacheBlock + position % kCacheBlock;
}

}  // namespace membound::gpu

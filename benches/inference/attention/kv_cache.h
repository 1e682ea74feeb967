// SPDX-License-Identifier: Apache-2.0
// The layout of the KV cache on the CPU, which rope_append writes and attention reads.
#pragma once

#include <cstdint>

#include "benches/inference/kernels/half.h"

namespace membound::cpu {

// Keys of 16 positions lie together, so that a vector holds one element of each and scores need no
// horizontal sums. Per sequence and kv head K is [capacity / 16][d][16]; in bf16 two elements of d
// share a word, [capacity / 16][d / 2][16][2], for one operation widens each of them. V is
// [capacity][d].
inline constexpr int64_t kCacheBlock = 16;

template <typename T>
constexpr int64_t key_index(int64_t position, int64_t i, int64_t d) {
  const int64_t block = position / kCacheBlock * kCacheBlock * d, lane = position % kCacheBlock;
  if (!kInPairs<T>) return block + i * kCacheBlock + lane;
  return block + i / 2 * 2 * kCacheBlock + lane * 2 + i % 2;
}

}  // namespace membound::cpu

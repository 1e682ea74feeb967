// SPDX-License-Identifier: Apache-2.0
// The layout of the KV cache, which rope_append writes and attention reads, and attention's
// scratch.
#pragma once

#include <cstdint>

namespace membound::cpu {

// Keys of 16 positions lie together, so that a vector holds one element of each and scores need no
// horizontal sums. Per sequence and kv head K is [capacity / 16][d][16]; in bf16 two elements of d
// share a word, [capacity / 16][d / 2][16][2], for one operation widens each of them. V is
// [capacity][d].
inline constexpr int64_t kCacheBlock = 16;

template <typename T>
constexpr int64_t key_index(int64_t position, int64_t i, int64_t d) {
  const int64_t block = position / kCacheBlock * kCacheBlock * d, lane = position % kCacheBlock;
  if (sizeof(T) == 4) return block + i * kCacheBlock + lane;
  return block + i / 2 * 2 * kCacheBlock + lane * 2 + i % 2;
}

// Counters of finished splits, and the partial result of each split: maximum, sum and d elements.
constexpr int64_t attention_counter_bytes(int64_t sequences, int64_t query_heads) {
  return (sequences * query_heads * 4 + 63) / 64 * 64;
}

// Must be zeroed once; the kernel leaves the counters zeroed.
constexpr int64_t attention_scratch_bytes(int64_t sequences, int64_t tokens, int64_t query_heads,
                                          int64_t d, int64_t splits) {
  if (tokens > 1) splits = 1;
  return attention_counter_bytes(sequences, query_heads) +
         sequences * query_heads * splits * (d + 2) * 4;
}

}  // namespace membound::cpu

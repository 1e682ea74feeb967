// SPDX-License-Identifier: Apache-2.0
// Scratch memory of decode attention, which may cut a context into splits.
#pragma once

#include <cstdint>

namespace membound {

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

}  // namespace membound

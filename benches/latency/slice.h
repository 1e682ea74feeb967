// SPDX-License-Identifier: Apache-2.0
// A slice of a pool whose lines are visited in random order, each once a launch: one line of each
// pair, since prefetchers of adjacent lines fetch the other.
#pragma once

#include <algorithm>

#include "benches/latency/permutation.h"

namespace membound {

class Slice {
 public:
  static constexpr int64_t kStrideBytes = 128;

  // `bytes`: a power of two.
  explicit Slice(int64_t bytes) : order_(floor_log2(bytes / kStrideBytes)) {}

  int64_t lines() const { return static_cast<int64_t>(order_.size()); }

  // Of the t-th line visited, from the slice's begin.
  int64_t offset_bytes(int64_t t) const {
    return static_cast<int64_t>(order_.at(static_cast<uint64_t>(t))) * kStrideBytes;
  }

 private:
  Permutation order_;
};

// A power of two, at most `most_bytes`, that a pool holds often enough to go round.
inline int64_t slice_bytes(int64_t pool_bytes, int64_t most_bytes) {
  return std::min(most_bytes, int64_t{1} << floor_log2(pool_bytes / 16));
}

}  // namespace membound

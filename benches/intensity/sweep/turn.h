// SPDX-License-Identifier: Apache-2.0
// What the sweep's kernel and its reference agree on.
//
// A part of the data is two streams, its halves, read side by side. A turn takes the next 12
// vectors of each; vector j of either stream belongs to chain j. From 512 flops per KiB on (one
// multiply-add an element) each vector is taken in as v = v * a + data and followed by
// flops_per_kib / 512 - 1 times v = v * a + b. Below, only every (1024 / flops_per_kib)th vector of
// the first stream is taken in so, and all others are XORed.
#pragma once

#include <cstdint>

namespace membound {

inline constexpr int64_t kSweepChains = 12;
inline constexpr int64_t kSweepTurnBytes = 2 * kSweepChains * 64;  // for the widest vectors
inline constexpr int64_t kSweepOneFma = 512;                       // flops per KiB

// The result of a part: chains of up to 16 floats each, the XOR of the other words and the lanes of
// a vector, in lines of their own.
struct alignas(64) SweepResult {
  float chain[kSweepChains][16];
  uint32_t folded;
  uint32_t lanes;
};

// From 1/16 flop a byte to 256.
inline constexpr int64_t kSweepLeast = 64;
inline constexpr int64_t kSweepMost = 262144;

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// What the sweep's kernel and its reference agree on.
//
// A part of the data is two streams, its halves, read side by side. A turn takes the next 12
// vectors of each; vector j of either stream belongs to chain j. From 512 flops per KiB on (one
// multiply-add an element) each vector is taken in as v = v * a + data, and after every third pair
// of vectors come rounds of v = v * a + b over all chains, so many that a turn has the flops that
// it should. Below, only some vectors of the first stream are taken in, and all others are XORed.
#pragma once

#include <cstdint>

namespace membound {

inline constexpr int64_t kSweepChains = 12;
inline constexpr int64_t kSweepTurnBytes = 2 * kSweepChains * 64;  // for the widest vectors
inline constexpr int64_t kSweepGroup = 3;                          // pairs of vectors
inline constexpr int64_t kSweepGroups = kSweepChains / kSweepGroup;
inline constexpr int64_t kSweepOneFma = 512;  // flops per KiB

// Of this many vectors in a row, both streams in turn, one is taken in.
constexpr int64_t sweep_every(int64_t flops_per_kib) {
  return flops_per_kib >= kSweepOneFma ? 1 : kSweepOneFma / flops_per_kib;
}

// Rounds after group `group` of a turn: 24 vectors need 2 * (flops_per_kib / 512 - 1) of 12 steps,
// spread evenly, as a pause in the reads is bandwidth lost.
constexpr int64_t sweep_rounds(int64_t flops_per_kib, int64_t group) {
  const int64_t in_turn = flops_per_kib > kSweepOneFma ? 2 * (flops_per_kib / kSweepOneFma - 1) : 0;
  return in_turn * (group + 1) / kSweepGroups - in_turn * group / kSweepGroups;
}

// The result of a part: chains of up to 16 floats each, the XOR of the other words and the lanes of
// a vector, in lines of their own.
struct alignas(64) SweepResult {
  float chain[kSweepChains][16];
  uint32_t folded;
  uint32_t lanes;
};

// From 1/16 flop a byte to 256, in powers of two.
inline constexpr int64_t kSweepLeast = 64;
inline constexpr int64_t kSweepMost = 262144;

}  // namespace membound

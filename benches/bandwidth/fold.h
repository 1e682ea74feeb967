// SPDX-License-Identifier: Apache-2.0
// What the benches that only read share: kernels fold 32-bit words with XOR, the cheapest operation
// that has to see each byte, so that the result can be checked exactly in any order.
#pragma once

#include "benches/harness/bench.h"

namespace membound {

// 32-bit words for partial results; a unit adds to one, on a cache line of its own, and a kernel
// may use any of them.
inline constexpr int64_t kFoldSlots = 4096;

uint32_t fold(const std::vector<uint32_t>& words);

// Zeroes the slots at `slots`, runs `launch` once on `units` (0: all) and returns the fold of the
// slots.
uint32_t run_fold(const Device& device, const Launch& launch, void* slots, int32_t units = 0);

// For kernels with buffer 0: data, 1: slots, n[0]: bytes, n[1]: kFoldSlots. Reads an odd number of
// words, so that a tail left out shows.
Check check_fold(const Device& device, const Launch& launch);

}  // namespace membound

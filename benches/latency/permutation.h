// SPDX-License-Identifier: Apache-2.0
// A random order that is computed, not stored: position t of [0, 2^bits) comes as number at(t),
// each number once. Walking t round makes one cycle through all numbers, and where it goes next
// depends on nothing that has to be read first.
#pragma once

#include <cstdint>

namespace membound {

// Products with odd constants and shifted XORs, each of which can be undone in `bits` bits.
class Permutation {
 public:
  explicit Permutation(int bits)
      : mask_((uint64_t{1} << bits) - 1), shift_((bits + 1) / 2), first_(1 + bits * 0x1000193ull) {}

  uint64_t size() const { return mask_ + 1; }

  uint64_t at(uint64_t t) const {
    uint64_t x = (t + first_) & mask_;
    x = x * 0x9e3779b97f4a7c15ull & mask_;
    x ^= x >> shift_;
    x = x * 0xd1342543de82ef95ull & mask_;
    x ^= x >> shift_;
    x = x * 0xaf251af3b0f025b5ull & mask_;
    return x ^ x >> shift_;
  }

 private:
  uint64_t mask_;
  int shift_;
  uint64_t first_;
};

// Largest k with 2^k <= value; value >= 1.
inline int floor_log2(int64_t value) {
  int bits = 0;
  while (value >> (bits + 1) != 0) ++bits;
  return bits;
}

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// Rows of quantised weights as benches/model/quantised.h lays them out: unsigned elements with an
// offset, then an f16 scale for each block of 32.
#pragma once

#include <cstdint>
#include <type_traits>

#include "benches/inference/kernels/half.h"

namespace membound::cpu {

inline constexpr int64_t kScaleBlock = 32;  // elements that share a scale
inline constexpr int64_t kGroupBlocks = 4;  // of q4_0 that share 64 bytes of nibbles

// Activations meet weights as one int8 or two: 128 * first + second. Both have a scale for each
// block, its largest magnitude over these levels.
inline constexpr int32_t kLevels = 127, kTwoLevels = 127 * 128;

struct Q8 {
  static constexpr int32_t kOffset = 128;
  static constexpr int64_t kBlockBytes = 32;  // without its scale
};

struct Q4 {
  static constexpr int32_t kOffset = 8;
  static constexpr int64_t kBlockBytes = 16;
};

template <typename T>
inline constexpr bool kQuantised = std::is_same_v<T, Q8> || std::is_same_v<T, Q4>;

template <typename Q>
struct Rows {
  const uint8_t* data;
  int64_t blocks;  // of a row

  int64_t row_bytes() const { return blocks * (Q::kBlockBytes + int64_t{sizeof(Half)}); }
  const uint8_t* row(int64_t i) const { return data + i * row_bytes(); }
  const Half* scales(const uint8_t* row) const {
    return reinterpret_cast<const Half*>(row + blocks * Q::kBlockBytes);
  }
};

// Where the elements of a block lie in a row: two halves of 16, each in 16 bytes of which `shift`
// picks the nibble.
struct Halves {
  const uint8_t* bytes[2];
  int shift[2];
};
inline Halves halves_of(Q8, const uint8_t* row, int64_t, int64_t block) {
  const uint8_t* at = row + block * Q8::kBlockBytes;
  return {{at, at + 16}, {0, 0}};
}
inline Halves halves_of(Q4, const uint8_t* row, int64_t blocks, int64_t block) {
  const int64_t in = block % kGroupBlocks;
  if (block - in + kGroupBlocks > blocks) {
    const uint8_t* at = row + block * Q4::kBlockBytes;
    return {{at, at}, {0, 4}};
  }
  const uint8_t* at = row + (block - in) * Q4::kBlockBytes + in % 2 * kScaleBlock;
  return {{at, at + 16}, {in < 2 ? 0 : 4, in < 2 ? 0 : 4}};
}

}  // namespace membound::cpu

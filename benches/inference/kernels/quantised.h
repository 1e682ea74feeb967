// SPDX-License-Identifier: Apache-2.0
// Quantised weights in panels of kPanelRows rows abreast, as benches/model/quantised.h lays them
// out: unsigned elements with an offset, and an f16 scale for each block of 32.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "backends/cpu/kernel.h"
#include "benches/inference/kernels/half.h"

namespace membound::cpu {

inline constexpr int64_t kScaleBlock = 32;  // elements that share a scale
inline constexpr int64_t kPair = 2;         // blocks of a panel whose scales lie together
inline constexpr int64_t kWord = 4;         // bytes of a row that lie together

// Activations meet weights as one int8 or two: 128 * first + second. Both have a scale for each
// block, its largest magnitude over these levels.
inline constexpr int32_t kLevels = 127, kTwoLevels = 127 * 128;

struct Q8 {
  static constexpr int32_t kOffset = 128;
  static constexpr int64_t kBlockBytes = 32;  // without its scale
};

// Byte i of a block holds element i in its low nibble and element 16 + i in its high one.
struct Q4 {
  static constexpr int32_t kOffset = 8;
  static constexpr int64_t kBlockBytes = 16;
};

template <typename T>
inline constexpr bool kQuantised = std::is_same_v<T, Q8> || std::is_same_v<T, Q4>;

// Bytes of a row's block and its scale.
template <typename Q>
inline constexpr int64_t kStoredBytes = Q::kBlockBytes + static_cast<int64_t>(sizeof(Half));

// One block of all rows of a panel.
struct PanelBlock {
  const uint8_t* words;  // [bytes of a block / kWord][rows][kWord]
  const Half* scales;    // [rows]
};

template <typename Q>
struct Panel {
  const uint8_t* data;
  int64_t rows;    // kPanelRows, or what is left of them
  int64_t blocks;  // of a row

  // Pairs of blocks are whole lines in a panel of all rows.
  const uint8_t* pair(int64_t block) const { return data + block * rows * kStoredBytes<Q>; }
  PanelBlock block(int64_t i) const {
    const int64_t in = i % kPair, first = i - in, together = std::min(kPair, blocks - first);
    const uint8_t* words = pair(first);
    const auto* scales = reinterpret_cast<const Half*>(words + together * rows * Q::kBlockBytes);
    return {words + in * rows * Q::kBlockBytes, scales + in * rows};
  }
};

template <typename Q>
struct Panels {
  const uint8_t* data;
  int64_t rows;    // of the matrix
  int64_t blocks;  // of a row

  int64_t row_bytes() const { return blocks * kStoredBytes<Q>; }
  // The one that row `row` is in.
  Panel<Q> panel(int64_t row) const {
    const int64_t first = row / kPanelRows * kPanelRows;
    return {data + first * row_bytes(), std::min(kPanelRows, rows - first), blocks};
  }
};

// The elements of one row in one block: its words, gathered.
template <typename Q>
void copy_row(const PanelBlock& block, int64_t rows, int64_t row, uint8_t (&out)[Q::kBlockBytes]) {
  for (int64_t i = 0; i < Q::kBlockBytes; i += kWord) {
    std::memcpy(out + i, block.words + i * rows + row * kWord, kWord);
  }
}

}  // namespace membound::cpu

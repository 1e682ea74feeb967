// SPDX-License-Identifier: Apache-2.0
#include "benches/model/quantised.h"

#include <algorithm>

#include "benches/model/types.h"

namespace membound {
namespace {

constexpr int64_t kScaleBytes = 2;
constexpr int64_t kNibbleGroup = 128;  // elements of q4_0 that share 64 bytes

// Of the bytes of elements: adds 128 to an int8.
uint8_t flipped_bits(const std::string& dtype) { return dtype == "q8_0" ? 0x80 : 0; }

// Nibbles of four blocks, `stride` bytes apart, to 64 bytes.
void pack_nibbles(const uint8_t* blocks, int64_t stride, uint8_t* out) {
  const auto nibble = [&](int64_t element) {
    const int64_t in_block = element % kQuantisedBlock;
    const uint8_t pair = blocks[element / kQuantisedBlock * stride + in_block % 16];
    return in_block < 16 ? pair & 15 : pair >> 4;
  };
  for (int64_t i = 0; i < kNibbleGroup / 2; ++i) {
    out[i] = static_cast<uint8_t>(nibble(i) | nibble(kNibbleGroup / 2 + i) << 4);
  }
}

}  // namespace

void pack(const std::string& dtype, const uint8_t* blocks, int64_t rows, int64_t columns,
          uint8_t* out) {
  const int64_t in_row = columns / kQuantisedBlock;
  const int64_t stride = stored_bytes(dtype, kQuantisedBlock);
  const int64_t group = dtype == "q4_0" ? kNibbleGroup / kQuantisedBlock : 1;
  for (int64_t row = 0; row < rows; ++row, blocks += in_row * stride) {
    for (int64_t i = 0; i < in_row;) {
      const uint8_t* elements = blocks + i * stride + kScaleBytes;
      if (group > 1 && i + group <= in_row) {
        pack_nibbles(elements, stride, out);
        out += kNibbleGroup / 2;
        i += group;
      } else {
        const uint8_t flip = flipped_bits(dtype);
        for (int64_t j = 0; j < stride - kScaleBytes; ++j) *out++ = elements[j] ^ flip;
        i += 1;
      }
    }
    for (int64_t i = 0; i < in_row; ++i) {
      out = std::copy(blocks + i * stride, blocks + i * stride + kScaleBytes, out);
    }
  }
}

void pack_panel(const std::string& dtype, const std::vector<const uint8_t*>& rows, int64_t columns,
                uint8_t* out) {
  constexpr int64_t kPair = 2, kWord = 4;
  const int64_t blocks = columns / kQuantisedBlock;
  const int64_t stride = stored_bytes(dtype, kQuantisedBlock);
  const uint8_t flip = flipped_bits(dtype);
  for (int64_t pair = 0; pair < blocks; pair += kPair) {
    const int64_t end = std::min(pair + kPair, blocks);
    for (int64_t b = pair; b < end; ++b) {
      for (int64_t at = b * stride + kScaleBytes; at < (b + 1) * stride; at += kWord) {
        for (const uint8_t* row : rows) {
          for (int64_t i = 0; i < kWord; ++i) *out++ = row[at + i] ^ flip;
        }
      }
    }
    for (int64_t b = pair; b < end; ++b) {
      for (const uint8_t* row : rows) {
        out = std::copy(row + b * stride, row + b * stride + kScaleBytes, out);
      }
    }
  }
}

}  // namespace membound

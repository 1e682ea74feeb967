// SPDX-License-Identifier: Apache-2.0
// Quantised matrices on the host. GGUF's blocks of 32 elements, which files hold:
//
//   q8_0  f16 scale, 32 int8                 value = scale * element
//   q4_0  f16 scale, 16 bytes of nibbles     value = scale * (nibble - 8); byte i holds element i
//                                            in its low nibble and element 16 + i in its high one
//
// and rows as devices hold them, of the same number of bytes: all elements of a row, then its
// scales, so that vectors are loaded from whole lines and a row is one piece. Elements are unsigned
// in both, as the instructions that multiply bytes want one side to be.
//
//   q8_0  columns bytes, 128 added to each element; columns / 32 f16
//   q4_0  64 bytes for each 128 elements: byte i holds element i in its low nibble and element
//         64 + i in its high one; blocks that are left as GGUF has them; columns / 32 f16
//
// Or rows lie abreast, in panels of as many as DeviceInfo::panel_rows says, the last panel of a
// matrix with those that are left: a panel is one piece, and a vector holds the same four columns
// of all its rows. Its blocks follow one another in pairs, of an odd number the last alone:
//
//   elements  for each block of the pair [bytes of a block / 4][rows][4]: the bytes of GGUF's block
//             four at a time, 128 added to those of q8_0
//   scales    for each block of the pair [rows] f16
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace membound {

// GGUF's blocks to the device's rows; `out` has as many bytes.
void pack(const std::string& dtype, const uint8_t* blocks, int64_t rows, int64_t columns,
          uint8_t* out);

// The same to one panel, from where the blocks of each of its rows begin.
void pack_panel(const std::string& dtype, const std::vector<const uint8_t*>& rows, int64_t columns,
                uint8_t* out);

}  // namespace membound

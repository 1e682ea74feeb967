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
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace membound {

// GGUF's blocks to the device's rows; `out` has as many bytes.
void pack(const std::string& dtype, const uint8_t* blocks, int64_t rows, int64_t columns,
          uint8_t* out);

}  // namespace membound

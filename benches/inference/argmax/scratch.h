// SPDX-License-Identifier: Apache-2.0
// Scratch memory of argmax on devices that cut a row into parts.
#pragma once

#include <cstdint>

namespace membound {

inline constexpr int64_t kArgmaxParts = 64;  // of a row, at most

// The largest of a part and where it is.
struct ArgmaxPart {
  float value;
  int32_t index;
};

// Of finished parts of each row.
constexpr int64_t argmax_counter_bytes(int64_t rows) { return (rows * 4 + 63) / 64 * 64; }

// Must be zeroed once; the kernel leaves the counters zeroed.
constexpr int64_t argmax_scratch_bytes(int64_t rows) {
  return argmax_counter_bytes(rows) + rows * kArgmaxParts * int64_t{sizeof(ArgmaxPart)};
}

}  // namespace membound

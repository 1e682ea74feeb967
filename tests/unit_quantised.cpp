// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "backends/error.h"
#include "benches/model/file_rows.h"
#include "benches/model/quantised.h"
#include "benches/model/reference.h"
#include "benches/model/shape.h"
#include "benches/model/types.h"

namespace membound {
namespace {

constexpr uint8_t kHalf[2] = {0x00, 0x38};  // 0.5 in f16
constexpr uint8_t kMinusTwo[2] = {0x00, 0xc0};

// GGUF's blocks of some rows, and their elements: all values that there are, scales of both signs.
struct Blocks {
  std::vector<uint8_t> bytes;
  std::vector<double> values;
};

Blocks blocks_of(const std::string& dtype, int64_t rows, int64_t columns) {
  Blocks all;
  for (int64_t block = 0; block < rows * columns / 32; ++block) {
    const auto& scale = block % 3 == 0 ? kMinusTwo : kHalf;
    const double factor = block % 3 == 0 ? -2 : 0.5;
    all.bytes.insert(all.bytes.end(), scale, scale + 2);
    std::vector<uint8_t> elements(32);
    for (int64_t i = 0; i < 32; ++i) elements[i] = static_cast<uint8_t>(block * 37 + i * 11);
    if (dtype == "q8_0") {
      all.bytes.insert(all.bytes.end(), elements.begin(), elements.end());
      for (const uint8_t e : elements) all.values.push_back(factor * static_cast<int8_t>(e));
    } else {
      for (int64_t i = 0; i < 16; ++i) {
        all.bytes.push_back(static_cast<uint8_t>((elements[i] & 15) | elements[16 + i] << 4));
      }
      for (const uint8_t e : elements) all.values.push_back(factor * ((e & 15) - 8));
    }
  }
  return all;
}

TEST(Quantised, RowsOfTheDeviceHoldWhatTheFilesBlocksHold) {
  for (const std::string dtype : {"q8_0", "q4_0"}) {
    for (const int64_t columns : {32, 96, 128, 160, 416}) {
      const Blocks blocks = blocks_of(dtype, 2, columns);
      ASSERT_EQ(static_cast<int64_t>(blocks.bytes.size()), 2 * stored_bytes(dtype, columns));
      std::vector<uint8_t> rows(blocks.bytes.size());
      pack(dtype, blocks.bytes.data(), 2, columns, rows.data());
      EXPECT_EQ(reference::widen(rows, dtype, columns), blocks.values) << dtype << " " << columns;
    }
  }
}

TEST(Quantised, PanelsHoldWhatTheFilesBlocksHold) {
  for (const std::string dtype : {"q8_0", "q4_0"}) {
    for (const int64_t columns : {32, 64, 96, 416}) {
      for (const int64_t rows : {3, 16, 37}) {
        const Blocks blocks = blocks_of(dtype, rows, columns);
        FileRows file(dtype, columns, 16);
        file.add({blocks.bytes.data(), rows});
        std::vector<uint8_t> panels(blocks.bytes.size());
        const int64_t first = rows / 16 * 16;  // the last panel comes by itself
        file.copy(0, first, panels.data());
        file.copy(first, rows - first, panels.data() + first * file.row_bytes());
        EXPECT_EQ(reference::widen(panels, dtype, columns, 16), blocks.values)
            << dtype << " " << rows << " rows of " << columns;
      }
    }
  }
}

TEST(Quantised, RowsMustBeWholeBlocks) {
  EXPECT_THROW(stored_bytes("q8_0", 33), Error);
  Shape shape = read_shape("Llama-3.2-1B", CATALOGUE);
  EXPECT_NO_THROW(check_types(shape, types_of("q4_0")));
  shape.intermediate += 16;
  EXPECT_NO_THROW(check_types(shape, types_of("bf16")));
  EXPECT_THROW(check_types(shape, types_of("q4_0")), InputError);
}

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "benches/model/file_rows.h"

namespace membound {
namespace {

// Rows of two f32 whose first element is the row's number.
std::vector<float> numbered(int64_t rows, float first) {
  std::vector<float> values;
  for (int64_t i = 0; i < rows; ++i) {
    values.push_back(first + static_cast<float>(i));
    values.push_back(-1);
  }
  return values;
}

RowsPart part(const std::vector<float>& values, int64_t head_dim = 0) {
  return {reinterpret_cast<const uint8_t*>(values.data()), static_cast<int64_t>(values.size()) / 2,
          head_dim};
}

std::vector<float> order(const FileRows& rows, int64_t first, int64_t count) {
  std::vector<float> copied(count * 2);
  rows.copy(first, count, reinterpret_cast<uint8_t*>(copied.data()));
  std::vector<float> numbers;
  for (int64_t i = 0; i < count; ++i) numbers.push_back(copied[2 * i]);
  return numbers;
}

TEST(FileRows, PartsLieBelowEachOther) {
  const auto a = numbered(3, 0);
  const auto b = numbered(2, 10);
  FileRows rows("f32", 2);
  rows.add(part(a));
  rows.add(part(b));
  EXPECT_EQ(rows.rows(), 5);
  EXPECT_EQ(rows.bytes(), 40);
  EXPECT_EQ(order(rows, 0, 5), (std::vector<float>{0, 1, 2, 10, 11}));
  EXPECT_EQ(order(rows, 2, 2), (std::vector<float>{2, 10}));
  EXPECT_EQ(order(rows, 4, 1), (std::vector<float>{11}));
}

TEST(FileRows, NeighbouringPairsOfAHeadBecomeHalves) {
  const auto heads = numbered(12, 0);
  const auto others = numbered(1, 50);
  FileRows rows("f32", 2);
  rows.add(part(heads, 6));
  rows.add(part(others));
  EXPECT_EQ(order(rows, 0, 13), (std::vector<float>{0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11, 50}));
}

// A block of Q8_0 is a scale and 32 bytes; a device's row has its scales behind the elements, which
// are 128 larger.
TEST(FileRows, QuantisedRowsArePacked) {
  std::vector<uint8_t> blocks(2 * 34);
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<uint8_t>(i);
  FileRows rows("q8_0", 64);
  rows.add({blocks.data(), 1});
  std::vector<uint8_t> packed(68);
  rows.copy(0, 1, packed.data());
  EXPECT_EQ(packed[0], 128 + 2);
  EXPECT_EQ(packed[32], 128 + 36);
  EXPECT_EQ((std::vector<uint8_t>(packed.begin() + 64, packed.end())),
            (std::vector<uint8_t>{0, 1, 34, 35}));
}

// Panels of two rows, the third alone: four bytes of each row, 128 added, and then their scales.
TEST(FileRows, QuantisedRowsLieAbreast) {
  std::vector<uint8_t> blocks(3 * 34);
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<uint8_t>(i);
  FileRows rows("q8_0", 32, 2);
  rows.add({blocks.data(), 3});
  std::vector<uint8_t> packed(blocks.size());
  rows.copy(0, 3, packed.data());
  const auto bytes = [&](size_t first, size_t count) {
    return std::vector<int>(packed.begin() + static_cast<int64_t>(first),
                            packed.begin() + static_cast<int64_t>(first + count));
  };
  EXPECT_EQ(bytes(0, 10), (std::vector{130, 131, 132, 133, 164, 165, 166, 167, 134, 135}));
  EXPECT_EQ(bytes(64, 4), (std::vector{0, 1, 34, 35}));
  EXPECT_EQ(bytes(68, 5), (std::vector{198, 199, 200, 201, 202}));
  EXPECT_EQ(bytes(100, 2), (std::vector{68, 69}));
}

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// The order that chains and gathers follow.
#include <gtest/gtest.h>

#include <vector>

#include "benches/latency/slice.h"

namespace membound {
namespace {

TEST(Permutation, VisitsEachNumberOnce) {
  for (const int bits : {0, 1, 2, 5, 6, 13, 20}) {
    const Permutation order(bits);
    std::vector<int> visits(order.size());
    for (uint64_t t = 0; t < order.size(); ++t) ++visits.at(order.at(t));
    for (const int count : visits) ASSERT_EQ(count, 1) << bits << " bits";
  }
}

// A prefetcher must find neither neighbours nor a stride.
TEST(Permutation, NextIsNoNeighbourAndNoStride) {
  const Permutation order(16);
  int near = 0;
  int same_stride = 0;
  for (uint64_t t = 2; t < order.size(); ++t) {
    const auto step = [&](uint64_t at) {
      return static_cast<int64_t>(order.at(at)) - static_cast<int64_t>(order.at(at - 1));
    };
    near += std::abs(step(t)) < 8;
    same_stride += step(t) == step(t - 1);
  }
  // Of 65534 steps a random order has some 15 that short and one repeated.
  EXPECT_LT(near, 60);
  EXPECT_LT(same_stride, 30);
}

TEST(Slice, TakesOneLineOfEachPair) {
  const Slice slice(1 << 16);
  EXPECT_EQ(slice.lines(), (1 << 16) / 128);
  std::vector<int> visits(slice.lines());
  for (int64_t t = 0; t < slice.lines(); ++t) {
    const int64_t offset = slice.offset_bytes(t);
    ASSERT_EQ(offset % 128, 0);
    ++visits.at(offset / 128);
  }
  for (const int count : visits) EXPECT_EQ(count, 1);
}

TEST(Slice, IsAPowerOfTwoThatGoesRound) {
  EXPECT_EQ(slice_bytes(int64_t{1920} << 20, 32 << 20), 32 << 20);
  EXPECT_EQ(slice_bytes(int64_t{100} << 20, 32 << 20), 4 << 20);
}

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>

#include "benches/harness/statistics.h"

namespace membound {
namespace {

TEST(Median, OfOddEvenAndNoValues) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_TRUE(std::isnan(median({})));
}

TEST(RelativeError, IsInfiniteBelowThreeSamples) {
  EXPECT_TRUE(std::isinf(relative_error({1, 1})));
  EXPECT_EQ(relative_error({1, 1, 1}), 0);
}

TEST(RelativeError, ShrinksWithTheRootOfSamples) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal(100, 5);
  std::vector<double> values(400);
  for (auto& value : values) value = normal(random);
  // 5 % noise: 1.2533 * 0.05 / 20.
  EXPECT_NEAR(relative_error(values), 0.00313, 0.0005);
}

TEST(RelativeError, DoesNotFollowOneOutlier) {
  EXPECT_LT(relative_error({1.00, 1.01, 0.99, 1.00, 1.01, 50.0}), 0.02);
}

}  // namespace
}  // namespace membound

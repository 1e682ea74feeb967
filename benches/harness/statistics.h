// SPDX-License-Identifier: Apache-2.0
// The few statistics that decide when to stop. Intervals and comparisons are made in Python, over
// processes.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace membound {

// Of a copy; NaN where there are none.
inline double median(std::vector<double> values) {
  if (values.empty()) return NAN;
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

// Standard error of the median over the median, from the median absolute deviation: 1.4826 makes it
// a standard deviation, 1.2533 / sqrt(n) makes that the error of a median (normal samples).
// Infinite below three samples.
inline double relative_error(const std::vector<double>& values) {
  if (values.size() < 3) return INFINITY;
  const double centre = median(values);
  std::vector<double> deviations;
  for (const double value : values) deviations.push_back(std::abs(value - centre));
  return 1.2533 * 1.4826 * median(deviations) / std::sqrt(values.size()) / centre;
}

}  // namespace membound

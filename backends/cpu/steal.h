// SPDX-License-Identifier: Apache-2.0
// How much of the team's time others took: the hypervisor, or other processes on the same cores.
#pragma once

#include <cstdint>

namespace membound::cpu {

class StealMeter {
 public:
  explicit StealMeter(int32_t threads);
  // Since construction, of `seconds` times the threads; 0 to 1.
  double fraction(double seconds) const;

 private:
  int32_t threads_;
  double stolen_;
  double cpu_;
};

}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/steal.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <string>

namespace membound::cpu {
namespace {

// Eighth number of the first line of /proc/stat, of the whole machine, in clock ticks.
double stolen_by_hypervisor_seconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  file >> word;
  double ticks = 0;
  for (int i = 0; i < 8; ++i) file >> ticks;
  return file ? ticks / static_cast<double>(sysconf(_SC_CLK_TCK)) : 0;
}

double process_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

StealMeter::StealMeter(int32_t threads)
    : threads_(threads), stolen_(stolen_by_hypervisor_seconds()), cpu_(process_cpu_seconds()) {}

double StealMeter::fraction(double seconds) const {
  // The team spins wherever it waits, so that CPU time short of wall time went to somebody else.
  const double ready = seconds * threads_;
  const double displaced = std::max(0.0, ready - (process_cpu_seconds() - cpu_));
  const double stolen = std::max(0.0, stolen_by_hypervisor_seconds() - stolen_);
  return std::min(1.0, std::max(displaced, stolen) / ready);
}

}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
// Events of performance monitoring units as sysfs describes them
// (Documentation/ABI/testing/sysfs-bus-event_source-devices-* of the kernel).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace membound::cpu {

// What perf_event_open needs to count one event on one unit.
struct PmuEvent {
  uint32_t type = 0;
  uint64_t config[3] = {};  // config, config1, config2
  std::vector<int> cpus;    // one of each package that has the unit
  double bytes_per_count = 64;
};

// The event of that name on every unit whose name begins with `unit`; none where it is not there or
// can't be understood.
std::vector<PmuEvent> pmu_events(const std::string& unit, const std::string& event,
                                 const std::string& root = "/sys/bus/event_source/devices");

}  // namespace membound::cpu

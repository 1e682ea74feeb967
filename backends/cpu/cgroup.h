// SPDX-License-Identifier: Apache-2.0
// What the control groups leave to this process: containers and batch systems limit by them.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace membound::cpu {

struct CgroupLimits {
  double cores = std::numeric_limits<double>::infinity();  // of CPU time per time
  int64_t memory_free_bytes = std::numeric_limits<int64_t>::max();
};

// The narrowest limits between the process' own groups and the root of the hierarchy, version 1 or
// 2. Groups that are not visible from inside a container do not count: its root shows them.
CgroupLimits cgroup_limits(const std::string& membership = "/proc/self/cgroup",
                           const std::string& root = "/sys/fs/cgroup");

}  // namespace membound::cpu

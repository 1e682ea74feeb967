// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

namespace membound::cpu {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// A whole number at the start of a file; `fallback` where there is none, as for "max".
int64_t number_in(const std::string& path, int64_t fallback) {
  std::ifstream file(path);
  int64_t value = 0;
  return file >> value ? value : fallback;
}

// A value in a file of "key value" lines; 0 where it is not there.
int64_t value_of(const std::string& path, const std::string& wanted) {
  std::ifstream file(path);
  std::string key;
  for (int64_t value = 0; file >> key >> value;) {
    if (key == wanted) return value;
  }
  return 0;
}

// Cached file pages make way for us, so they count as free.
int64_t free_bytes(int64_t limit, int64_t used, int64_t reclaimable) {
  if (limit == kUnlimited) return kUnlimited;
  return std::max<int64_t>(0, limit - std::max<int64_t>(0, used - reclaimable));
}

CgroupLimits limits_v2(const std::string& group) {
  CgroupLimits limits;
  std::ifstream file(group + "/cpu.max");
  double quota = 0;
  double period = 0;
  if (file >> quota >> period && period > 0) limits.cores = quota / period;
  limits.memory_free_bytes = free_bytes(number_in(group + "/memory.max", kUnlimited),
                                        number_in(group + "/memory.current", 0),
                                        value_of(group + "/memory.stat", "inactive_file"));
  return limits;
}

CgroupLimits limits_v1(const std::string& group) {
  CgroupLimits limits;
  const int64_t quota = number_in(group + "/cpu.cfs_quota_us", -1);
  const int64_t period = number_in(group + "/cpu.cfs_period_us", 0);
  if (quota > 0 && period > 0) limits.cores = static_cast<double>(quota) / period;
  limits.memory_free_bytes = free_bytes(number_in(group + "/memory.limit_in_bytes", kUnlimited),
                                        number_in(group + "/memory.usage_in_bytes", 0),
                                        value_of(group + "/memory.stat", "total_inactive_file"));
  return limits;
}

// The group and all above it: "/a/b", "/a", "".
std::vector<std::string> upwards(std::string group) {
  std::vector<std::string> all;
  while (!group.empty() && group != "/") {
    all.push_back(group);
    group = group.substr(0, group.find_last_of('/'));
  }
  all.emplace_back("");
  return all;
}

}  // namespace

CgroupLimits cgroup_limits(const std::string& membership, const std::string& root) {
  CgroupLimits narrowest;
  std::ifstream file(membership);
  for (std::string line; std::getline(file, line);) {
    // "0::/group" in version 2, "4:cpu,cpuacct:/group" in version 1
    std::istringstream parts(line);
    std::string number, controllers, group;
    std::getline(parts, number, ':');
    std::getline(parts, controllers, ':');
    std::getline(parts, group);
    const std::string mount = controllers.empty() ? root : root + "/" + controllers;
    for (const auto& level : upwards(group)) {
      const auto here = controllers.empty() ? limits_v2(mount + level) : limits_v1(mount + level);
      narrowest.cores = std::min(narrowest.cores, here.cores);
      narrowest.memory_free_bytes = std::min(narrowest.memory_free_bytes, here.memory_free_bytes);
    }
  }
  return narrowest;
}

}  // namespace membound::cpu

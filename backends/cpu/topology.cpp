// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/topology.h"

#include <hwloc.h>
#include <hwy/highway.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>

#include "backends/cpu/isa.h"
#include "backends/cpu/memory.h"
#include "backends/error.h"

namespace membound::cpu {
namespace {

using nlohmann::json;

// The topology restricted to what the process may use, loaded once.
hwloc_topology_t topology() {
  static const hwloc_topology_t loaded = [] {
    hwloc_topology_t fresh;
    MEMBOUND_CHECK(hwloc_topology_init(&fresh) == 0, "hwloc can't start");
    MEMBOUND_CHECK(hwloc_topology_load(fresh) == 0, "hwloc can't read this machine's topology");
    // hwloc knows cgroup limits but not the affinity mask that taskset or Slurm set.
    hwloc_bitmap_t mask = hwloc_bitmap_alloc();
    if (hwloc_get_cpubind(fresh, mask, HWLOC_CPUBIND_PROCESS) == 0 && !hwloc_bitmap_iszero(mask)) {
      hwloc_topology_restrict(fresh, mask, 0);
    }
    hwloc_bitmap_free(mask);
    return fresh;
  }();
  return loaded;
}

hwloc_obj_t memory_domain(int32_t index) {
  const hwloc_obj_t domain = hwloc_get_obj_by_type(topology(), HWLOC_OBJ_NUMANODE, index);
  MEMBOUND_CHECK(domain != nullptr, "there is no memory domain " + std::to_string(index));
  return domain;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Value of `key` in /proc/cpuinfo or /proc/meminfo, empty where it is not there.
std::string proc_value(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const auto start = line.find_first_not_of(" \t:", key.size());
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

int64_t meminfo_bytes(const std::string& key) {
  std::istringstream value(proc_value("/proc/meminfo", key));
  int64_t kibibytes = 0;
  value >> kibibytes;
  return kibibytes * 1024;
}

// A cgroup (version 2 or 1) may allow less than the machine has; the smaller counts.
int64_t cgroup_free_bytes() {
  const std::string roots[][2] = {
      {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes",
       "/sys/fs/cgroup/memory/memory.usage_in_bytes"},
  };
  for (const auto& [limit_path, used_path] : roots) {
    std::istringstream limit_text(first_line(limit_path));
    std::istringstream used_text(first_line(used_path));
    int64_t limit = 0;
    int64_t used = 0;
    if (limit_text >> limit && used_text >> used) return limit - used;
  }
  return INT64_MAX;
}

json caches(int64_t* llc_bytes) {
  json list = json::array();
  *llc_bytes = 0;
  for (int level = 1; level <= 5; ++level) {
    const int depth = hwloc_get_cache_type_depth(topology(), level, HWLOC_OBJ_CACHE_DATA);
    if (depth < 0) continue;
    const int count = static_cast<int>(hwloc_get_nbobjs_by_depth(topology(), depth));
    if (count == 0) continue;
    const auto* attributes = hwloc_get_obj_by_depth(topology(), depth, 0)->attr;
    const int64_t bytes = static_cast<int64_t>(attributes->cache.size);
    list.push_back({{"level", level}, {"bytes", bytes}, {"count", count}});
    if (bytes > 0) *llc_bytes = bytes * count;
  }
  return list;
}

double timer_tick_seconds() {
  using Clock = std::chrono::steady_clock;
  double smallest = 1.0;
  for (int i = 0; i < 100; ++i) {
    const auto start = Clock::now();
    auto stop = Clock::now();
    while (stop == start) stop = Clock::now();
    smallest = std::min(smallest, std::chrono::duration<double>(stop - start).count());
  }
  return smallest;
}

}  // namespace

int32_t core_count(int32_t domain) {
  if (domain < 0) return std::max(1, hwloc_get_nbobjs_by_type(topology(), HWLOC_OBJ_CORE));
  return hwloc_get_nbobjs_inside_cpuset_by_type(topology(), memory_domain(domain)->cpuset,
                                                HWLOC_OBJ_CORE);
}

int32_t domain_count() {
  return std::max(1, hwloc_get_nbobjs_by_type(topology(), HWLOC_OBJ_NUMANODE));
}

void bind_memory(void* data, int64_t bytes, int32_t domain) {
  const int flags = HWLOC_MEMBIND_BYNODESET | HWLOC_MEMBIND_STRICT;
  if (hwloc_set_area_membind(topology(), data, bytes, memory_domain(domain)->nodeset,
                             HWLOC_MEMBIND_BIND, flags) != 0) {
    raise("hwloc_set_area_membind", __FILE__, __LINE__, std::strerror(errno), kUnsupported);
  }
}

void bind_thread(int32_t index, int32_t domain) {
  const hwloc_obj_t core =
      domain < 0 ? hwloc_get_obj_by_type(topology(), HWLOC_OBJ_CORE, index)
                 : hwloc_get_obj_inside_cpuset_by_type(topology(), memory_domain(domain)->cpuset,
                                                       HWLOC_OBJ_CORE, index);
  if (core == nullptr) return;  // a machine that shows no cores: leave placement to the kernel
  hwloc_bitmap_t set = hwloc_bitmap_dup(core->cpuset);
  hwloc_bitmap_singlify(set);
  hwloc_set_cpubind(topology(), set, HWLOC_CPUBIND_THREAD);
  hwloc_bitmap_free(set);
}

const char* architectures() {
  static const std::string text = [] {
    json object = json::object();
    for (uint64_t left = HWY_TARGETS; left != 0; left &= left - 1) {
      const auto target = static_cast<int64_t>(left & -left);
      object[hwy::TargetName(target)] = target == choose_target() ? "run" : "compiled";
    }
    return object.dump();
  }();
  return text.c_str();
}

void describe(DeviceInfo* info) {
  int64_t llc_bytes = 0;
  json details = {
      {"caches", caches(&llc_bytes)},
      {"cores_allowed", core_count()},
      {"hardware_threads_allowed", hwloc_get_nbobjs_by_type(topology(), HWLOC_OBJ_PU)},
      {"extensions", extension_names()},
      {"numa_domains", domain_count()},
      {"microcode", proc_value("/proc/cpuinfo", "microcode")},
      {"governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
      {"transparent_huge_pages", first_line("/sys/kernel/mm/transparent_hugepage/enabled")},
      {"numa_balancing", first_line("/proc/sys/kernel/numa_balancing")},
      {"allocated_bytes", allocated_bytes()},
      {"huge_page_bytes", huge_page_bytes()},
      {"paper_bandwidth", nullptr},  // memory is not described to an unprivileged process
  };
  const std::string name = proc_value("/proc/cpuinfo", "model name");
  std::snprintf(info->name, sizeof info->name, "%s", name.empty() ? "CPU" : name.c_str());
  std::snprintf(info->architecture, sizeof info->architecture, "%s",
                hwy::TargetName(choose_target()));
  const std::string text = details.dump();
  MEMBOUND_CHECK(text.size() < sizeof info->details, "details of the device don't fit");
  std::memcpy(info->details, text.c_str(), text.size() + 1);
  info->emulated = 0;
  info->compute_units = core_count();
  info->memory_domains = domain_count();
  info->llc_bytes = llc_bytes;
  info->memory_bytes = meminfo_bytes("MemTotal");
  info->memory_free_bytes = std::min(meminfo_bytes("MemAvailable"), cgroup_free_bytes());
  info->timer_tick_seconds = timer_tick_seconds();
}

}  // namespace membound::cpu

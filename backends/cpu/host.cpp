// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/host.h"

#include <hwy/highway.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "backends/cpu/cgroup.h"
#include "backends/cpu/isa.h"
#include "backends/cpu/kernel.h"
#include "backends/cpu/memory.h"
#include "backends/cpu/memory_modules.h"
#include "backends/cpu/topology.h"
#include "backends/cpu/traffic.h"
#include "backends/error.h"

namespace membound::cpu {
namespace {

using nlohmann::json;

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

json caches_json() {
  json list = json::array();
  for (const Cache& cache : caches()) {
    list.push_back({{"level", cache.level}, {"bytes", cache.bytes}, {"count", cache.count}});
  }
  return list;
}

json modules_json() {
  json list = json::array();
  for (const MemoryModule& module : memory_modules()) {
    list.push_back({{"locator", module.locator},
                    {"type", module.type},
                    {"bytes", module.bytes},
                    {"transfers_per_s", module.transfers_per_s},
                    {"data_bits", module.data_bits}});
  }
  return list;
}

// All modules at their configured rate. More than the bus carries where two share a channel, which
// the firmware's table does not tell, so it never stands for the paper bandwidth.
json queried_bandwidth_bytes_per_s() {
  int64_t total = 0;
  for (const MemoryModule& module : memory_modules()) {
    if (module.transfers_per_s == 0 || module.data_bits == 0) return nullptr;
    total += module.transfers_per_s * module.data_bits / 8;
  }
  return total > 0 ? json(total) : json(nullptr);
}

json quota_json() {
  const double cores = cgroup_limits().cores;
  return std::isfinite(cores) ? json(cores) : json(nullptr);
}

json details() {
  return {{"caches", caches_json()},
          {"cores_allowed", allowed_cores()},
          {"hardware_threads_allowed", allowed_hardware_threads()},
          {"cpu_quota_cores", quota_json()},
          {"extensions", extension_names()},
          {"numa_domains", domain_count()},
          {"microcode", proc_value("/proc/cpuinfo", "microcode")},
          {"governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
          {"transparent_huge_pages", first_line("/sys/kernel/mm/transparent_hugepage/enabled")},
          {"numa_balancing", first_line("/proc/sys/kernel/numa_balancing")},
          {"allocated_bytes", allocated_bytes()},
          {"huge_page_bytes", huge_page_bytes()},
          {"memory_modules", modules_json()},
          {"queried_bandwidth_bytes_per_s", queried_bandwidth_bytes_per_s()},
          {"traffic_counter", TrafficCounters::instance().source()}};
}

int64_t last_level_bytes() {
  const auto all = caches();
  return all.empty() ? 0 : all.back().bytes * all.back().count;
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

int64_t memory_bytes() { return meminfo_bytes("MemTotal"); }

int64_t memory_free_bytes() {
  return std::min(meminfo_bytes("MemAvailable"), cgroup_limits().memory_free_bytes);
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
  const std::string name = proc_value("/proc/cpuinfo", "model name");
  std::snprintf(info->name, sizeof info->name, "%s", name.empty() ? "CPU" : name.c_str());
  std::snprintf(info->architecture, sizeof info->architecture, "%s",
                hwy::TargetName(choose_target()));
  const std::string text = details().dump();
  MEMBOUND_CHECK(text.size() < sizeof info->details, "details of the device don't fit");
  std::memcpy(info->details, text.c_str(), text.size() + 1);
  info->emulated = 0;
  info->compute_units = core_count();
  info->unit_threads = 1;
  info->fetches_stores = 1;
  info->memory_domains = domain_count();
  info->llc_bytes = last_level_bytes();
  info->memory_bytes = memory_bytes();
  info->memory_free_bytes = memory_free_bytes();
  info->panel_rows = kPanelRows;
  info->timer_tick_seconds = timer_tick_seconds();
}

}  // namespace membound::cpu

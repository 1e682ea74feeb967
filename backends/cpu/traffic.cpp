// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/traffic.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>

#include "backends/cpu/pmu.h"

namespace membound::cpu {
namespace {

// A file to read the count from, or -1 with errno.
int open_counter(perf_event_attr attributes, int process, int cpu) {
  attributes.size = sizeof attributes;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  return static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, process, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

}  // namespace

const TrafficCounters& TrafficCounters::instance() {
  static const TrafficCounters counters;
  return counters;
}

TrafficCounters::TrafficCounters() {
  if (open_memory_controllers() || open_cache_misses()) return;
  source_ += std::string("absent: perf_event gives no counter here (") + std::strerror(errno) + ")";
}

// Of the whole node, both directions; needs perf_event_paranoid <= 0 or CAP_PERFMON.
bool TrafficCounters::open_memory_controllers() {
  struct Kind {
    const char* unit;
    const char* reads;
    const char* writes;
  };
  constexpr Kind kinds[] = {{"uncore_imc", "cas_count_read", "cas_count_write"},
                            {"uncore_imc", "data_reads", "data_writes"},
                            {"amd_umc", "umc_cas_cmd.rd", "umc_cas_cmd.wr"}};
  for (const Kind& kind : kinds) {
    for (const char* name : {kind.reads, kind.writes}) {
      for (const PmuEvent& event : pmu_events(kind.unit, name)) {
        perf_event_attr attributes{};
        attributes.type = event.type;
        attributes.config = event.config[0];
        attributes.config1 = event.config[1];
        attributes.config2 = event.config[2];
        for (const int cpu : event.cpus) {
          const int file = open_counter(attributes, -1, cpu);
          if (file >= 0) counters_.push_back({file, event.bytes_per_count});
        }
      }
    }
    if (!counters_.empty()) {
      source_ = std::string(kind.unit) +
                ": reads and writes of the whole node, other processes'"
                " among them";
      return true;
    }
  }
  return false;
}

// Of this process and its threads: lines that missed the last cache, no write-backs.
bool TrafficCounters::open_cache_misses() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.config = PERF_COUNT_HW_CACHE_MISSES;
  attributes.exclude_kernel = 1;
  attributes.inherit = 1;
  const int file = open_counter(attributes, 0, -1);
  if (file < 0) return false;
  counters_.push_back({file, 64});
  source_ =
      "cache misses of this process, 64 bytes each: no write-backs, and prefetches as far as"
      " the event counts them";
  return true;
}

double TrafficCounters::bytes() const {
  if (counters_.empty()) return NAN;
  double total = 0;
  for (const Counter& counter : counters_) {
    uint64_t values[3] = {};  // count, time enabled, time running
    if (read(counter.file, values, sizeof values) != sizeof values || values[2] == 0) return NAN;
    // Counters take turns where there are too few; the count stands for the whole time.
    const double turns = static_cast<double>(values[1]) / static_cast<double>(values[2]);
    total += static_cast<double>(values[0]) * turns * counter.bytes_per_count;
  }
  return total;
}

}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
// Bytes that crossed the memory bus, by hardware counters where the system lets us: evidence beside
// the bytes that a loop has by definition, never in their place.
#pragma once

#include <string>
#include <vector>

namespace membound::cpu {

class TrafficCounters {
 public:
  // Opened once, before the team's threads exist: they inherit what is counted for a process.
  static const TrafficCounters& instance();

  // Since they were opened; NaN where nothing can be counted.
  double bytes() const;
  // What is counted, or why nothing is.
  const std::string& source() const { return source_; }

  TrafficCounters(const TrafficCounters&) = delete;
  TrafficCounters& operator=(const TrafficCounters&) = delete;

 private:
  struct Counter {
    int file;
    double bytes_per_count;
  };
  TrafficCounters();
  bool open_memory_controllers();
  bool open_cache_misses();

  std::vector<Counter> counters_;
  std::string source_;
};

}  // namespace membound::cpu

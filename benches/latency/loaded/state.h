// SPDX-License-Identifier: Apache-2.0
// What the units of the loaded latency bench tell each other and the host.
#pragma once

#include <cstdint>

namespace membound {

// One a unit, in buffer 1, zeroed before the first launch.
struct alignas(64) LoadedUnit {
  int64_t launches;   // finished; the chasing unit's count tells the others to stop
  int64_t lines;      // that an injecting unit read
  int64_t next_line;  // where it goes on, from the begin of its share
  double seconds;     // that the chasing unit walked
  uint64_t checksum;  // XOR of the first 32-bit word of each line that was read
};
static_assert(sizeof(LoadedUnit) == 64);

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// Which cores this process may use, and what is known of the machine around them.
#pragma once

#include <cstdint>
#include <vector>

namespace membound::cpu {

// Cores and hardware threads that affinity and cgroup allow.
int32_t allowed_cores();
int32_t allowed_hardware_threads();

// Threads that a team has: one on each allowed core, in hwloc's order, but no more than a CPU quota
// of the cgroup pays for. Of one memory domain, or of all (-1); a domain without cores has none.
int32_t core_count(int32_t domain = -1);

// Binds the calling thread to core `index` of those.
void bind_thread(int32_t index, int32_t domain = -1);

// Domains of memory that this process may use, those without cores among them; at least one.
int32_t domain_count();

// Puts pages of [data, data + bytes) that are not there yet on one domain. Throws Error where the
// system refuses.
void bind_memory(void* data, int64_t bytes, int32_t domain);

struct Cache {
  int level;
  int64_t bytes;  // of one
  int count;
};

// Data caches that the allowed cores reach, the first level first.
std::vector<Cache> caches();

}  // namespace membound::cpu

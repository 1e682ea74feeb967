// SPDX-License-Identifier: Apache-2.0
// Which cores this process may use, and what is known of the machine around them.
#pragma once

#include <cstdint>
#include <string>

#include "backends/backend.h"

namespace membound::cpu {

// One hardware thread on each core that affinity and cgroup allow; hwloc keeps the order. Of one
// memory domain, or of all (-1); a domain without cores has none.
int32_t core_count(int32_t domain = -1);

// Binds the calling thread to core `index` of those.
void bind_thread(int32_t index, int32_t domain = -1);

// Domains of memory that this process may use, those without cores among them; at least one.
int32_t domain_count();

// Puts pages of [data, data + bytes) that are not there yet on one domain. Throws Error where the
// system refuses.
void bind_memory(void* data, int64_t bytes, int32_t domain);

// JSON object: each instruction set that the kernels were compiled for, "run" for the one that they
// run as here, "compiled" for the others.
const char* architectures();

// Fills all of `info` but the identifiers that the backend chooses.
void describe(DeviceInfo* info);

}  // namespace membound::cpu

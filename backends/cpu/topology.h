// SPDX-License-Identifier: Apache-2.0
// Which cores this process may use, and what is known of the machine around them.
#pragma once

#include <cstdint>
#include <string>

#include "backends/backend.h"

namespace membound::cpu {

// One hardware thread on each core that affinity and cgroup allow; hwloc keeps the order.
int32_t core_count();

// Binds the calling thread to core `index` of those.
void bind_thread(int32_t index);

// JSON object: each instruction set that the kernels were compiled for, "run" for the one that they
// run as here, "compiled" for the others.
const char* architectures();

// Fills all of `info` but the identifiers that the backend chooses.
void describe(DeviceInfo* info);

}  // namespace membound::cpu

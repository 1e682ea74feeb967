// SPDX-License-Identifier: Apache-2.0
// Facts about the machine from /proc and /sys, and the whole as DeviceInfo.
#pragma once

#include <cstdint>

#include "backends/backend.h"

namespace membound::cpu {

int64_t memory_bytes();
// What can be had without swapping, in the machine and in the cgroup.
int64_t memory_free_bytes();

// JSON object: each instruction set that the kernels were compiled for, "run" for the one that they
// run as here, "compiled" for the others.
const char* architectures();

// Fills all of `info` but the identifiers that the backend chooses.
void describe(DeviceInfo* info);

}  // namespace membound::cpu

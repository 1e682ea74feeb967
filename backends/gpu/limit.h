// SPDX-License-Identifier: Apache-2.0
// Streams that are kept to some of the compute units, by what the vendor has for that; vendors'
// libraries that are given such a stream are limited too. Each vendor's folder defines it.
#pragma once

#include <cstdint>
#include <string>

#include "vendor.h"

namespace membound::gpu {

struct LimitedStream {
  cudaStream_t stream = nullptr;  // null: there is no such means here
  int32_t compute_units = 0;      // that it really has; devices divide in steps
  std::string means;              // "green context", "CU mask"; or why there is none
};

// On the current device. Kept to the end of the process: made once for each number of units and
// `index`, by which streams differ that run together.
LimitedStream limited_stream(int32_t device, int32_t compute_units, int32_t index);

}  // namespace membound::gpu

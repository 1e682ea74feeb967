// SPDX-License-Identifier: Apache-2.0
// Error codes of the runtime become membound::Error; guard() turns that into a Status.
#pragma once

#include <string>

#include "backends/error.h"
#include "vendor.h"

namespace membound::gpu {

inline void check(cudaError_t error, const char* expression, const char* file, int line) {
  if (error == cudaSuccess) return;
  // Reported here, so it must not be found again by the next call's check.
  (void)cudaGetLastError();
  raise(expression, file, line,
        std::string(cudaGetErrorName(error)) + ": " + cudaGetErrorString(error),
        error == cudaErrorMemoryAllocation ? kOutOfMemory : kFailed);
}

}  // namespace membound::gpu

#define GPU_CHECK(call) ::membound::gpu::check(call, #call, __FILE__, __LINE__)

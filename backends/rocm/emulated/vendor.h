// SPDX-License-Identifier: Apache-2.0
// HIP on the CPU by the headers of HIP-CPU: kernels run, and nothing that is timed is a result.
// What those headers lack, and a device that is small enough to be tested in seconds.
#pragma once

// Its attributes ask GCC for vector variants of every function, which only cost time here.
#include <hip/hip_defines.h>
#undef __device__
#undef __global__
#define __device__
#define __global__

#include <hip/hip_runtime.h>

#include <cstdio>
#include <string>

#define MEMBOUND_GPU_EMULATED
#define MEMBOUND_GPU_WITHOUT_GRAPHS

enum hipDeviceAttribute_t {
  hipDeviceAttributeClockRate,
  hipDeviceAttributeEccEnabled,
  hipDeviceAttributeMemoryBusWidth,
  hipDeviceAttributeMaxSharedMemoryPerMultiprocessor,
  hipDeviceAttributeMaxThreadsPerMultiProcessor,
  hipDeviceAttributeMemoryClockRate,
  hipDeviceAttributeMultiprocessorCount,
  hipDeviceAttributeWarpSize,
};

inline hipError_t hipDeviceGetAttribute(int* value, hipDeviceAttribute_t which, int) {
  switch (which) {
    case hipDeviceAttributeMultiprocessorCount:
      *value = 2;
      break;
    case hipDeviceAttributeMaxThreadsPerMultiProcessor:
      *value = 512;
      break;
    case hipDeviceAttributeMaxSharedMemoryPerMultiprocessor:
      *value = 64 << 10;
      break;
    case hipDeviceAttributeWarpSize:
      *value = warpSize;
      break;
    default:
      *value = 0;
  }
  return hipSuccess;
}

inline hipError_t hipDeviceGetPCIBusId(char* text, int size, int) {
  std::snprintf(text, static_cast<size_t>(size), "none");
  return hipSuccess;
}

#include "backends/rocm/aliases.h"

namespace membound::gpu {

inline constexpr const char* kVendor = "rocm";
inline constexpr double kEventTickSeconds = 1e-6;
inline constexpr bool kEmulated = true;

inline hipError_t properties_of(int32_t device, hipDeviceProp_t* out) {
  if (const hipError_t error = hipGetDeviceProperties(out, device); error != hipSuccess) {
    return error;
  }
  std::snprintf(out->name, sizeof out->name, "HIP-CPU (kernels emulated on this machine's CPU)");
  out->multiProcessorCount = 2;
  out->l2CacheSize = 256 << 10;
  return hipSuccess;
}

inline bool launches_overlap(int32_t) { return false; }

inline void prepare_runtime() {}

inline std::string architecture(const hipDeviceProp_t&) { return "HIP-CPU"; }

inline std::string why_no_device(hipError_t error) { return hipGetErrorString(error); }

// Nothing is timed, so nothing has to wait for the host.
inline hipError_t call_host(hipStream_t, void (*)()) { return hipSuccess; }

}  // namespace membound::gpu

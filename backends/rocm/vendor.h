// SPDX-License-Identifier: Apache-2.0
// The shared source has CUDA's spelling: aliases where HIP means exactly the same, functions where
// it doesn't.
#pragma once

#include <hip/hip_runtime.h>

#include <string>

#include "backends/rocm/aliases.h"

namespace membound::gpu {

inline constexpr const char* kVendor = "rocm";
inline constexpr double kEventTickSeconds = 1e-6;  // HIP documents none; its unit of reports
inline constexpr bool kEmulated = false;

inline hipError_t properties_of(int32_t device, hipDeviceProp_t* out) {
  return hipGetDeviceProperties(out, device);
}

inline bool launches_overlap(int32_t) { return false; }

// Before any other call. HIP loads kernels when it is asked to launch them, also while capturing.
inline void prepare_runtime() {}

// "gfx90a", without the features that follow: "gfx90a:sramecc+:xnack-".
inline std::string architecture(const hipDeviceProp_t& properties) {
  const std::string full = properties.gcnArchName;
  return full.substr(0, full.find(':'));
}

inline std::string why_no_device(hipError_t error) {
  const std::string code = std::string(" (") + hipGetErrorName(error) + ")";
  if (error == hipErrorNoDevice) return "ROCm shows no AMD GPU here" + code;
  return std::string("ROCm does not start: ") + hipGetErrorString(error) + code;
}

// Graphs go to the device when they are instantiated.
inline void upload(hipGraphExec_t, hipStream_t) {}

// Calls the function from a thread of the runtime when the stream comes to it; the stream waits.
// The newer hipLaunchHostFunc is declared but missing in ROCm 5.2.
inline hipError_t call_host(hipStream_t stream, void (*function)()) {
  const auto call = [](hipStream_t, hipError_t, void* data) {
    reinterpret_cast<void (*)()>(data)();
  };
  return hipStreamAddCallback(stream, call, reinterpret_cast<void*>(function), 0);
}

}  // namespace membound::gpu

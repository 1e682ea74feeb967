// SPDX-License-Identifier: Apache-2.0
// The shared source has CUDA's spelling; here is what differs in meaning between the vendors.
#pragma once

#include <cuda_runtime.h>

#include <cstdlib>
#include <string>

namespace membound::gpu {

inline constexpr const char* kVendor = "cuda";
inline constexpr double kEventTickSeconds = 0.5e-6;  // as documented for cudaEventElapsedTime
inline constexpr bool kEmulated = false;

inline cudaError_t properties_of(int32_t device, cudaDeviceProp* out) {
  return cudaGetDeviceProperties(out, device);
}

// Programmatic dependent launch, from compute capability 9 on.
inline bool launches_overlap(int32_t device) {
  int major = 0;
  return cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
         major >= 9;
}

// Before any other call. Kernels are loaded at once: the first launch of one would load it
// otherwise, within a capture or a measured time.
inline void prepare_runtime() { setenv("CUDA_MODULE_LOADING", "EAGER", 0); }

inline std::string architecture(const cudaDeviceProp& properties) {
  return "sm_" + std::to_string(properties.major) + std::to_string(properties.minor);
}

inline std::string why_no_device(cudaError_t error) {
  const auto version = [](int number) {
    return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
  };
  const std::string code = std::string(" (") + cudaGetErrorName(error) + ")";
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
    return "no NVIDIA driver here: libcuda.so.1 can't be opened" + code;
  }
  if (error == cudaErrorInsufficientDriver) {
    return "the NVIDIA driver is for CUDA " + version(driver) + ", this build needs " +
           version(CUDART_VERSION) + code;
  }
  if (error == cudaErrorNoDevice) return "the NVIDIA driver shows no device" + code;
  return std::string("the NVIDIA driver does not start: ") + cudaGetErrorString(error) + code;
}

// Sends the graph to the device, which its first launch would do within the measured time.
inline void upload(cudaGraphExec_t graph, cudaStream_t stream) {
  (void)cudaGraphUpload(graph, stream);
}

// Calls the function from a thread of the runtime when the stream comes to it; the stream waits.
inline cudaError_t call_host(cudaStream_t stream, void (*function)()) {
  const auto call = [](void* data) { reinterpret_cast<void (*)()>(data)(); };
  return cudaLaunchHostFunc(stream, call, reinterpret_cast<void*>(function));
}

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// The shared source has CUDA's spelling: aliases where HIP means exactly the same, functions where
// it doesn't.
#pragma once

#include <hip/hip_runtime.h>

#include <string>

#define cudaDevAttrClockRate hipDeviceAttributeClockRate
#define cudaDevAttrEccEnabled hipDeviceAttributeEccEnabled
#define cudaDevAttrGlobalMemoryBusWidth hipDeviceAttributeMemoryBusWidth
#define cudaDevAttrMaxSharedMemoryPerBlockOptin hipDeviceAttributeMaxSharedMemoryPerBlock
#define cudaDevAttrMaxSharedMemoryPerMultiprocessor \
  hipDeviceAttributeMaxSharedMemoryPerMultiprocessor
#define cudaDevAttrMaxThreadsPerMultiProcessor hipDeviceAttributeMaxThreadsPerMultiProcessor
#define cudaDevAttrMemoryClockRate hipDeviceAttributeMemoryClockRate
#define cudaDevAttrMultiProcessorCount hipDeviceAttributeMultiprocessorCount
#define cudaDevAttrWarpSize hipDeviceAttributeWarpSize
#define cudaDeviceAttr hipDeviceAttribute_t
#define cudaDeviceGetAttribute hipDeviceGetAttribute
#define cudaDeviceGetPCIBusId hipDeviceGetPCIBusId
#define cudaDeviceProp hipDeviceProp_t
#define cudaDeviceSynchronize hipDeviceSynchronize
#define cudaDriverGetVersion hipDriverGetVersion
#define cudaErrorMemoryAllocation hipErrorOutOfMemory
#define cudaErrorNoDevice hipErrorNoDevice
#define cudaError_t hipError_t
#define cudaEventCreate hipEventCreate
#define cudaEventDestroy hipEventDestroy
#define cudaEventElapsedTime hipEventElapsedTime
#define cudaEventRecord hipEventRecord
#define cudaEvent_t hipEvent_t
#define cudaFree hipFree
#define cudaFreeHost hipHostFree
#define cudaGetDeviceCount hipGetDeviceCount
#define cudaGetDeviceProperties hipGetDeviceProperties
#define cudaGetErrorName hipGetErrorName
#define cudaGetErrorString hipGetErrorString
#define cudaGetLastError hipGetLastError
#define cudaGraphDestroy hipGraphDestroy
#define cudaGraphExecDestroy hipGraphExecDestroy
#define cudaGraphExec_t hipGraphExec_t
#define cudaGraphInstantiateWithFlags hipGraphInstantiateWithFlags
#define cudaGraphLaunch hipGraphLaunch
#define cudaGraph_t hipGraph_t
#define cudaHostAlloc hipHostMalloc
#define cudaHostAllocDefault hipHostMallocDefault
#define cudaMalloc hipMalloc
#define cudaMemGetInfo hipMemGetInfo
#define cudaMemcpy hipMemcpy
#define cudaMemset hipMemset
#define cudaMemcpyDefault hipMemcpyDefault
#define cudaRuntimeGetVersion hipRuntimeGetVersion
#define cudaSetDevice hipSetDevice
#define cudaStreamBeginCapture hipStreamBeginCapture
#define cudaStreamCaptureModeRelaxed hipStreamCaptureModeRelaxed
#define cudaStreamCreateWithFlags hipStreamCreateWithFlags
#define cudaStreamDestroy hipStreamDestroy
#define cudaStreamEndCapture hipStreamEndCapture
#define cudaStreamNonBlocking hipStreamNonBlocking
#define cudaStreamSynchronize hipStreamSynchronize
#define cudaStreamWaitEvent hipStreamWaitEvent
#define cudaStream_t hipStream_t
#define cudaSuccess hipSuccess

namespace membound::gpu {

inline constexpr const char* kVendor = "rocm";
inline constexpr bool kEmulated = false;
inline constexpr bool kHasGraphs = true;
inline constexpr double kEventTickSeconds = 1e-6;  // HIP documents none; its unit of reports

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

// Grid::early_start: HIP has nothing like it.
inline bool can_start_early(int) { return false; }

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

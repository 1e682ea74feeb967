// SPDX-License-Identifier: Apache-2.0
// The runtime of an emulated device, in CUDA's spelling: HIP-CPU's headers run the kernels on the
// CPU's cores (MEMBOUND_HIP_CPU_INCLUDE_DIR). Everything that is queued happens at once, in the
// calling thread and its helpers, so streams and events are names only; there are no graphs.
#pragma once

// HIP-CPU gives the threads of a block stacks of 7 KB without a guard; compilers take more.
#define LIBCO_MP
#define LIBCO_MPROTECT
#include <../external/libco/libco.h>
#define co_create(bytes, entry) co_create((bytes) + (64u << 10), entry)

#include <hip/hip_runtime.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#define MEMBOUND_GPU_EMULATED
#define MEMBOUND_GPU_WITHOUT_GRAPHS

// HIP-CPU asks the compiler to make vectors of all threads; that takes minutes with large kernels.
#undef __global__
#undef __device__
#define __global__
#define __device__

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorNoDevice = 100,
  cudaErrorNotSupported = 801,
};

enum cudaDeviceAttr {
  cudaDevAttrClockRate,
  cudaDevAttrEccEnabled,
  cudaDevAttrGlobalMemoryBusWidth,
  cudaDevAttrMaxSharedMemoryPerBlockOptin,
  cudaDevAttrMaxSharedMemoryPerMultiprocessor,
  cudaDevAttrMaxThreadsPerMultiProcessor,
  cudaDevAttrMemoryClockRate,
  cudaDevAttrMultiProcessorCount,
  cudaDevAttrWarpSize,
};

enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};

struct cudaDeviceProp {
  char name[256];
  int multiProcessorCount;
  int l2CacheSize;
};

using cudaStream_t = struct EmulatedStream*;
using cudaEvent_t = std::chrono::steady_clock::time_point*;

inline constexpr unsigned cudaHostAllocDefault = 0;
inline constexpr unsigned cudaStreamNonBlocking = 0;

namespace membound::gpu {

inline constexpr const char* kVendor = "rocm";
inline constexpr bool kEmulated = true;
inline constexpr double kEventTickSeconds = 1e-6;  // what a batch's ends need, not what clocks show

inline cudaError_t& last_error() {
  static thread_local cudaError_t error = cudaSuccess;
  return error;
}
inline cudaError_t set_last_error(cudaError_t error) {
  if (error != cudaSuccess) last_error() = error;
  return error;
}

// Small, so that grids and pools are; the sizes that kernels go by are CDNA's.
inline int attribute_value(cudaDeviceAttr which) {
  switch (which) {
    case cudaDevAttrMultiProcessorCount:
      return 2;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return 512;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      return 64 << 10;
    case cudaDevAttrWarpSize:
      return warpSize;
    default:
      return 0;
  }
}

inline void prepare_runtime() {}
inline cudaError_t properties_of(int32_t, cudaDeviceProp* out) {
  *out = {"HIP-CPU (kernels emulated on this machine's CPU)",
          attribute_value(cudaDevAttrMultiProcessorCount), 256 << 10};
  return cudaSuccess;
}
inline std::string architecture(const cudaDeviceProp&) { return "HIP-CPU (emulated)"; }
inline std::string why_no_device(cudaError_t) { return ""; }
inline bool launches_overlap(int32_t) { return false; }
// The host's code runs in step with the device's: there is nothing to hold back.
inline cudaError_t call_host(cudaStream_t, void (*)()) { return cudaSuccess; }

}  // namespace membound::gpu

inline const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : "emulated device";
}
inline const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "no memory left";
    case cudaErrorInvalidConfiguration:
      return "a launch's shape that no device has";
    case cudaErrorNotSupported:
      return "the emulated device has no such thing";
    default:
      return "invalid value";
  }
}
inline cudaError_t cudaGetLastError() {
  return std::exchange(membound::gpu::last_error(), cudaSuccess);
}

inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int) {
  *value = membound::gpu::attribute_value(which);
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetPCIBusId(char* text, int, int) {
  *text = '\0';
  return cudaSuccess;
}
inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = 0;
  return cudaSuccess;
}
inline cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 0;
  return cudaSuccess;
}
inline cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) {
  *can = 0;
  return cudaSuccess;
}

// Of the host's memory the device has a part.
inline cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* all_bytes) {
  const size_t page = sysconf(_SC_PAGESIZE);
  *all_bytes = sysconf(_SC_PHYS_PAGES) * page / 4;
  *free_bytes = sysconf(_SC_AVPHYS_PAGES) * page / 4;
  return cudaSuccess;
}
inline cudaError_t cudaMalloc(void** data, size_t bytes) {
  constexpr size_t kAlignment = 4096;
  *data = std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
  return *data == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}
inline cudaError_t cudaFree(void* data) {
  std::free(data);
  return cudaSuccess;
}
inline cudaError_t cudaHostAlloc(void** data, size_t bytes, unsigned) {
  return cudaMalloc(data, bytes);
}
inline cudaError_t cudaFreeHost(void* data) { return cudaFree(data); }
inline cudaError_t cudaMemset(void* data, int value, size_t bytes) {
  std::memset(data, value, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t) {
  return cudaMemset(data, value, bytes);
}
inline cudaError_t cudaMemcpy(void* target, const void* source, size_t bytes, cudaMemcpyKind) {
  std::memmove(target, source, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes,
                                   cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy(target, source, bytes, kind);
}

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new std::chrono::steady_clock::time_point;
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  *event = std::chrono::steady_clock::now();
  return cudaSuccess;
}
inline cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
inline cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  *milliseconds = std::chrono::duration<float, std::milli>(*stop - *start).count();
  return cudaSuccess;
}

#include "threads.h"

// What HIP-CPU's headers leave out, or make only half.
inline float __uint_as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
inline uint32_t __float_as_uint(float value) { return __builtin_bit_cast(uint32_t, value); }
#define __syncthreads ::membound::gpu::emulated::sync_block

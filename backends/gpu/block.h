// SPDX-License-Identifier: Apache-2.0
// What the threads of a block do together: sums and maxima over neighbouring threads and over all.
//
// All threads concerned call these together, also those that have nothing to add. Blocks are
// one-dimensional. Thread 0 of a block must not end before a barrier that others come to.
#pragma once

#include "backends/gpu/kernel.h"

// Shared memory of the size that the launch gave, as an array of `type`, aligned to 16 bytes.
#ifdef MEMBOUND_GPU_EMULATED
#define MEMBOUND_DYNAMIC_SHARED(type, name) \
  type* const name = static_cast<type*>(emulated::dynamic_shared())
#else
#define MEMBOUND_DYNAMIC_SHARED(type, name)                         \
  extern __shared__ __align__(16) unsigned char membound_shared_[]; \
  type* const name = reinterpret_cast<type*>(membound_shared_)
#endif

namespace membound::gpu {

inline constexpr int kMostThreads = 1024;  // of a block

// Threads whose values are exchanged by shuffles: known to the compiler, which divides by it.
#if defined(MEMBOUND_GPU_EMULATED) || !defined(__CUDACC__)
__device__ inline int wave_size() { return warpSize; }
#else
__device__ constexpr int wave_size() { return 32; }
#endif

// What threads of a wave wrote to shared memory is there for all of them.
__device__ inline void sync_wave() {
#if defined(MEMBOUND_GPU_EMULATED)
  emulated::sync_wave();
#elif defined(__CUDACC__)
  __syncwarp();
#else
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "wavefront");
  __builtin_amdgcn_wave_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "wavefront");
#endif
}

// The value of the thread whose number differs by `mask`, within neighbouring `width` threads.
template <typename T>
__device__ T shuffle_xor(T value, int mask, [[maybe_unused]] int width) {
#if defined(MEMBOUND_GPU_EMULATED)
  return emulated::shuffle_xor(value, mask);
#elif defined(__CUDACC__)
  return __shfl_xor_sync(0xffffffffu, value, mask, width);
#else
  return __shfl_xor(value, mask, width);
#endif
}

struct Sum {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Max {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

// Over each `width` neighbouring threads (a power of two, no more than a wave); all get the result.
template <typename Join, typename T>
__device__ T join_group(T value, int width) {
  for (int mask = width / 2; mask > 0; mask /= 2) {
    value = Join()(value, shuffle_xor(value, mask, width));
  }
  return value;
}

// Over all threads of the block; all get the result. `slots` is shared, one for each wave.
template <typename Join, typename T>
__device__ T join_block(T value, T* slots) {
  const int wave = wave_size(), waves = (static_cast<int>(blockDim.x) + wave - 1) / wave;
  value = join_group<Join>(value, wave);
  if (waves == 1) return value;
  __syncthreads();  // the slots may still be read for another sum
  if (threadIdx.x % static_cast<uint32_t>(wave) == 0) slots[threadIdx.x / wave] = value;
  __syncthreads();
  T result = slots[0];
  for (int i = 1; i < waves; ++i) result = Join()(result, slots[i]);
  return result;
}

// True for the block that is the last of `count` to have written what came before. `arrived` is
// zero before, and after the last.
__device__ inline bool last_to_arrive(int32_t* arrived, int64_t count) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(arrived, 1) == count - 1;
    if (last) *arrived = 0;
    __threadfence();
  }
  __syncthreads();
  return last;
}

}  // namespace membound::gpu

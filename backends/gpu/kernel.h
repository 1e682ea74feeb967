// SPDX-License-Identifier: Apache-2.0
// What a GPU kernel file sees: its arguments, how it is launched, and access to memory.
//
// One source serves CUDA and HIP, in CUDA's spelling, and HIP-CPU, which runs it on a CPU. A kernel
// file holds __global__ functions and ends with a Registrar, which puts a launcher in the module's
// table. Kernels take grid and block from the Site and assume no wave size (64 on CDNA). What
// threads of a block do together is in block.h, other types of numbers in numbers.h.
#pragma once

#include <cstdint>
#include <type_traits>

#include "backends/gpu/registry.h"

namespace membound::gpu {

template <typename T>
T* pointer(const Args& args, int index) {
  return static_cast<T*>(args.buffer[index].data);
}

// Blocks of a launch, threads of each, and bytes of shared memory beyond those that it declares.
struct Grid {
  dim3 blocks;
  dim3 threads = dim3(kBlock);
  uint32_t shared_bytes = 0;
};

// CUDA gives more shared memory than this only to kernels that ask for it.
template <typename Function>
void ask_for_shared([[maybe_unused]] Function* kernel, [[maybe_unused]] const Grid& grid) {
#ifdef __CUDACC__
  if (grid.shared_bytes <= 48 << 10) return;
  (void)cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(grid.shared_bytes));
#endif
}

// Queues kernel(given...) on the site's stream.
template <typename... Parameters, typename... Given>
void launch(void (*kernel)(Parameters...), const Grid& grid, [[maybe_unused]] const Site& site,
            Given... given) {
#ifdef MEMBOUND_GPU_EMULATED
  (void)emulated::launch(kernel, grid.blocks, grid.threads, grid.shared_bytes,
                         static_cast<Parameters>(given)...);
#else
  ask_for_shared(kernel, grid);
  // clang-format off
  kernel<<<grid.blocks, grid.threads, grid.shared_bytes, site.stream>>>(
      static_cast<Parameters>(given)...);
  // clang-format on
#endif
}

// As launch(), and it may begin while the launch before it still runs: the kernel must call
// wait_for_previous() before it reads what others wrote, or writes what they read.
template <typename... Parameters, typename... Given>
void launch_overlapped(void (*kernel)(Parameters...), const Grid& grid, const Site& site,
                       Given... given) {
#ifdef __CUDACC__
  if (site.overlaps) {
    ask_for_shared(kernel, grid);
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = grid.blocks;
    config.blockDim = grid.threads;
    config.dynamicSmemBytes = grid.shared_bytes;
    config.stream = site.stream;
    config.attrs = &attribute;
    config.numAttrs = 1;
    (void)cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(given)...);
    return;
  }
#endif
  launch(kernel, grid, site, given...);
}

// Returns when the launch before has ended and what it wrote can be seen.
__device__ inline void wait_for_previous() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Lets a launch_overlapped() that follows begin where blocks of this launch leave room.
__device__ inline void let_next_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// Loaded and stored by one instruction where it has 16 bytes.
template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth) Vector {
  T lane[kWidth];
  __device__ T& operator[](int i) { return lane[i]; }
  __device__ const T& operator[](int i) const { return lane[i]; }
};

template <int kWidth, typename T>
__device__ Vector<std::remove_const_t<T>, kWidth> load(T* source) {
  return *reinterpret_cast<const Vector<std::remove_const_t<T>, kWidth>*>(source);
}

template <int kWidth, typename T>
__device__ void store(T* target, Vector<T, kWidth> value) {
  *reinterpret_cast<Vector<T, kWidth>*>(target) = value;
}

// 16, 8 or 4 bytes that are used once: they leave the caches to others. Nobody writes meanwhile.
template <int kWords = 4>
__device__ Vector<uint32_t, kWords> load_once(const void* source) {
  Vector<uint32_t, kWords> v;
#if defined(__CUDA_ARCH__)
  if constexpr (kWords == 4) {
    asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
                 : "l"(source));
  } else if constexpr (kWords == 2) {
    asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v2.u32 {%0, %1}, [%2];"
                 : "=r"(v[0]), "=r"(v[1])
                 : "l"(source));
  } else {
    asm volatile("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(v[0]) : "l"(source));
  }
#elif defined(__HIP_DEVICE_COMPILE__) && !defined(MEMBOUND_GPU_EMULATED)
  using Words = uint32_t __attribute__((ext_vector_type(kWords)));
  const Words words = __builtin_nontemporal_load(static_cast<const Words*>(source));
  for (int i = 0; i < kWords; ++i) v[i] = words[i];
#else
  v = load<kWords>(static_cast<const uint32_t*>(source));
#endif
  return v;
}

__device__ inline void store_once(void* target, Vector<uint32_t, 4> v) {
#if defined(__CUDA_ARCH__)
  asm volatile("st.global.cs.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(target), "r"(v[0]), "r"(v[1]),
               "r"(v[2]), "r"(v[3])
               : "memory");
#elif defined(__HIP_DEVICE_COMPILE__) && !defined(MEMBOUND_GPU_EMULATED)
  using Words = uint32_t __attribute__((ext_vector_type(4)));
  const Words words = {v[0], v[1], v[2], v[3]};
  __builtin_nontemporal_store(words, static_cast<Words*>(target));
#else
  store(static_cast<uint32_t*>(target), v);
#endif
}

// A number of elements, known to the compiler: std::integral_constant's is not for device code.
template <int kWidth>
struct Width {
  __device__ constexpr operator int() const { return kWidth; }
};

// Calls body(i, width) so that the calls of all threads together cover [0, n): `width` is
// Width<kWidth> but for the tail, where it is Width<1>. Neighbouring threads get neighbours.
template <int kWidth, typename Body>
__device__ void grid_stride(int64_t n, Body body) {
  const int64_t thread = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const int64_t threads = int64_t{gridDim.x} * blockDim.x;
  const int64_t vectors = n / kWidth;
  for (int64_t i = thread; i < vectors; i += threads) {
    body(i * kWidth, Width<kWidth>{});
  }
  const int64_t tail = vectors * kWidth + thread;
  if (tail < n) body(tail, Width<1>{});
}

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// What kernels need of NVIDIA's instructions and launches; kernel.h includes it.
#pragma once

#include <cuda_fp16.h>

namespace membound::gpu {

template <typename... Parameters, typename... Values>
void launch(void (*kernel)(Parameters...), const Grid& grid, const Site& site, Values... values) {
  // More than every device has must be asked for.
  if (grid.shared_bytes > 48 * 1024) {
    (void)cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                               cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(grid.shared_bytes));
  }
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid.blocks;
  config.blockDim = grid.threads;
  config.dynamicSmemBytes = grid.shared_bytes;
  config.stream = site.stream;
  config.attrs = &early;
  config.numAttrs = grid.early_start && site.early_start ? 1 : 0;
  // An error is found again by cudaGetLastError() after the launcher.
  (void)cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(values)...);
}

// All that the launch before wrote is there when it returns; without Grid::early_start it was
// there.
__device__ inline void wait_for_previous() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// The next launch may start once all blocks have called this or ended; it waits for the results.
__device__ inline void let_next_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

__host__ __device__ constexpr int wave_size() { return 32; }

__device__ inline void sync_wave() { __syncwarp(); }

// Of thread `source` of this thread's group of `width` neighbours.
template <typename T>
__device__ T shuffle(T x, int source, int width = wave_size()) {
  return __shfl_sync(0xffffffffu, x, source, width);
}

template <typename T>
__device__ T shuffle_xor(T x, int mask, int width = wave_size()) {
  return __shfl_xor_sync(0xffffffffu, x, mask, width);
}

// Grid::shared_bytes of them, aligned to 16.
template <typename T>
__device__ T* dynamic_shared() {
  extern __shared__ Bits16 membound_dynamic_shared[];
  return reinterpret_cast<T*>(membound_dynamic_shared);
}

__device__ inline Bits16 load_bits_streaming(const Bits16* source) {
  Bits16 bits;
  asm("ld.global.nc.L1::no_allocate.L2::128B.v4.b32 {%0, %1, %2, %3}, [%4];"
      : "=r"(bits.word[0]), "=r"(bits.word[1]), "=r"(bits.word[2]), "=r"(bits.word[3])
      : "l"(source));
  return bits;
}

__device__ inline void store_bits_streaming(Bits16* target, Bits16 bits) {
  __stcs(reinterpret_cast<uint4*>(target),
         make_uint4(bits.word[0], bits.word[1], bits.word[2], bits.word[3]));
}

__device__ inline float half_to_float(uint16_t bits) {
  return __half2float(__ushort_as_half(bits));
}

__device__ inline uint16_t float_to_half(float value) {
  return __half_as_ushort(__float2half_rn(value));
}

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// What kernels need of AMD's instructions and launches; kernel.h includes it.
#pragma once

namespace membound::gpu {

template <typename... Parameters, typename... Values>
void launch(void (*kernel)(Parameters...), const Grid& grid, const Site& site, Values... values) {
  hipLaunchKernelGGL(kernel, grid.blocks, dim3(grid.threads), grid.shared_bytes, site.stream,
                     static_cast<Parameters>(values)...);
}

// Launches of one stream don't overlap.
__device__ inline void wait_for_previous() {}
__device__ inline void let_next_start() {}

// Of the target that is compiled for; RDNA has 32.
__device__ constexpr int wave_size() {
#if defined(__GFX10__) || defined(__GFX11__) || defined(__GFX12__)
  return 32;
#else
  return 64;
#endif
}

// A wave's threads go in step; only the compiler must not move memory operations across.
__device__ inline void sync_wave() {
  __builtin_amdgcn_fence(__ATOMIC_ACQ_REL, "wavefront");
  __builtin_amdgcn_wave_barrier();
}

// Of thread `source` of this thread's group of `width` neighbours.
template <typename T>
__device__ T shuffle(T x, int source, int width = wave_size()) {
  return __shfl(x, source, width);
}

template <typename T>
__device__ T shuffle_xor(T x, int mask, int width = wave_size()) {
  return __shfl_xor(x, mask, width);
}

// Grid::shared_bytes of them, aligned to 16.
template <typename T>
__device__ T* dynamic_shared() {
  extern __shared__ Bits16 membound_dynamic_shared[];
  return reinterpret_cast<T*>(membound_dynamic_shared);
}

using Words4 = uint32_t __attribute__((ext_vector_type(4)));

__device__ inline Bits16 load_bits_streaming(const Bits16* source) {
  return __builtin_bit_cast(Bits16,
                            __builtin_nontemporal_load(reinterpret_cast<const Words4*>(source)));
}

__device__ inline void store_bits_streaming(Bits16* target, Bits16 bits) {
  __builtin_nontemporal_store(__builtin_bit_cast(Words4, bits), reinterpret_cast<Words4*>(target));
}

__device__ inline float half_to_float(uint16_t bits) { return __builtin_bit_cast(_Float16, bits); }

__device__ inline uint16_t float_to_half(float value) {
  return __builtin_bit_cast(uint16_t, static_cast<_Float16>(value));
}

}  // namespace membound::gpu

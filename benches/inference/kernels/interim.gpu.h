// Interim, until kernel.h has these.
#pragma once
#include "backends/gpu/kernel.h"
#if defined(__HIP_CPU_RT__)
#include <bit>
#define MEMBOUND_EMULATED 1
inline float __uint_as_float(uint32_t v) { return std::bit_cast<float>(v); }
inline uint32_t __float_as_uint(float v) { return std::bit_cast<uint32_t>(v); }
#endif
namespace membound::gpu {
struct Grid { dim3 blocks; uint32_t threads; uint32_t shared_bytes = 0; };
#if defined(__CUDACC__)
template <typename... P, typename... A>
void launch(void (*kernel)(P...), const Grid& g, const Site& site, A... args) {
  kernel<<<g.blocks, g.threads, g.shared_bytes, site.stream>>>(static_cast<P>(args)...);
}
__device__ inline int warp_lanes() { return 32; }
template <typename T> __device__ T shuffle_xor(T v, int m) { return __shfl_xor_sync(~0u, v, m); }
__device__ inline void wait_for_previous() { 
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
 asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
__device__ inline void start_next() { 
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
asm volatile("griddepcontrol.launch_dependents;"); 
#endif
}
template <int N> __device__ Vector<uint32_t, N> load_once(const uint32_t* p) {
  Vector<uint32_t, N> v;
  if constexpr (N == 4) {
   asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3]) : "l"(p));
  } else if constexpr (N == 2) {
   asm volatile("ld.global.nc.L1::no_allocate.v2.u32 {%0,%1}, [%2];" : "=r"(v[0]), "=r"(v[1]) : "l"(p));
  } else { v[0] = *p; }
  return v;
}
#else
template <typename... P, typename... A>
void launch(void (*kernel)(P...), const Grid& g, const Site& site, A... args) {
  hipLaunchKernelGGL(kernel, g.blocks, g.threads, g.shared_bytes, site.stream, static_cast<P>(args)...);
}
__device__ inline int warp_lanes() { return 64; }
template <typename T> __device__ T shuffle_xor(T v, int m) { return __shfl_xor(v, m); }
__device__ inline void wait_for_previous() {}
__device__ inline void start_next() {}
template <int N> __device__ Vector<uint32_t, N> load_once(const uint32_t* p) { return load<N>(p); }
#endif
template <typename T> __device__ T sum_over_warp(T v) { for (int m = warp_lanes()/2; m>0; m/=2) v += shuffle_xor(v, m); return v; }
}
#if defined(__CUDACC__)
#define MEMBOUND_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
namespace membound::gpu { inline constexpr int kWarp = 32; }
#else
#define MEMBOUND_SHARED(name) HIP_DYNAMIC_SHARED(unsigned char, name)
namespace membound::gpu { inline constexpr int kWarp = 64; }
#endif
namespace membound::gpu {
#if defined(__CUDACC__)
__device__ inline void sync_warp() { __syncwarp(); }
#else
__device__ inline void sync_warp() { __syncthreads(); }
#endif
}

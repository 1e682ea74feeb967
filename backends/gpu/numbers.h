// SPDX-License-Identifier: Apache-2.0
// bf16 and f16 as their bits, widened exactly and rounded to nearest even.
#pragma once

#include "backends/gpu/kernel.h"
#ifdef __CUDACC__
#include <cuda_fp16.h>
#endif

namespace membound::gpu {

struct Bf16 {
  uint16_t bits;
};
struct F16 {
  uint16_t bits;
};

template <typename To, typename From>
__device__ To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}

__device__ inline float widen(float x) { return x; }
__device__ inline float widen(Bf16 x) { return bits_as<float>(uint32_t{x.bits} << 16); }
__device__ inline float widen(F16 x) {
#ifdef __CUDACC__
  return __half2float(__ushort_as_half(x.bits));
#else
  return static_cast<float>(bits_as<_Float16>(x.bits));
#endif
}

template <typename T>
__device__ T narrow(float x);
template <>
__device__ inline float narrow<float>(float x) {
  return x;
}
template <>
__device__ inline Bf16 narrow<Bf16>(float x) {
  const auto bits = bits_as<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>(bits >> 16 | 0x40)};  // NaN
  return {static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16)};
}
template <>
__device__ inline F16 narrow<F16>(float x) {
#ifdef __CUDACC__
  return {__half_as_ushort(__float2half_rn(x))};
#else
  return {bits_as<uint16_t>(static_cast<_Float16>(x))};
#endif
}

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// What a GPU kernel file sees: its arguments, where to launch, and 16-byte access to memory.
//
// One source serves CUDA and HIP, in CUDA's spelling. A kernel file holds __global__ functions and
// ends with a Registrar, which puts a launcher in the module's table. Kernels take grid and block
// from the Site and assume no warp size (64 on CDNA).
#pragma once

#include <cstdint>
#include <type_traits>

#include "backends/gpu/registry.h"

namespace membound::gpu {

template <typename T>
T* pointer(const Args& args, int index) {
  return static_cast<T*>(args.buffer[index].data);
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

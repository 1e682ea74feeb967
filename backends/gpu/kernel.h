// SPDX-License-Identifier: Apache-2.0
// What a GPU kernel file sees: its arguments, how to launch, loops, and access to memory.
//
// One source serves CUDA, HIP and, as plain C++, the emulated device, in CUDA's spelling. A kernel
// file holds __global__ functions and ends with Registrars, which put launchers in the module's
// table. docs/adding.md has the rules; in short:
// - launch() and never <<<>>>; grid and block from the Site; no warp size assumed (64 on CDNA);
// - blocks are one-dimensional, whole waves of 64 wherever threads exchange anything;
// - static shared memory is `alignas(16) __shared__ float x[64];` of plain types, dynamic
//   shared memory is dynamic_shared<T>();
// - where one thread of a block goes through __syncthreads(), all of them do, thread 0 first of
// all.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "backends/gpu/registry.h"

namespace membound::gpu {

// A launch's shape.
struct Grid {
  dim3 blocks = 1;
  uint32_t threads = kBlock;  // in a block
  uint32_t shared_bytes = 0;  // dynamic
  // May start while the launch before it drains, where the device can (Hopper). Every thread of the
  // kernel then calls wait_for_previous() before it touches what that launch wrote or still reads.
  bool early_start = false;
};

// 16 bytes as memory instructions know them.
struct alignas(16) Bits16 {
  uint32_t word[4];
};

template <typename T>
T* pointer(const Args& args, int index) {
  return static_cast<T*>(args.buffer[index].data);
}

// Loaded and stored by one instruction where it has 16 bytes, by several where it has more.
template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth < 16 ? sizeof(T) * kWidth : 16) Vector {
  T lane[kWidth];
  __device__ T& operator[](int i) { return lane[i]; }
  __device__ const T& operator[](int i) const { return lane[i]; }
};

}  // namespace membound::gpu

// Of each vendor: launch(), shuffles, dynamic_shared(), streaming access, f16, early starts.
#include "intrinsics.h"

namespace membound::gpu {

template <int kWidth, typename T>
__device__ Vector<std::remove_const_t<T>, kWidth> load(T* source) {
  return *reinterpret_cast<const Vector<std::remove_const_t<T>, kWidth>*>(source);
}

template <int kWidth, typename T>
__device__ void store(T* target, Vector<T, kWidth> value) {
  *reinterpret_cast<Vector<T, kWidth>*>(target) = value;
}

// As load(), for data that nobody reads again: the caches are not asked to keep them. What is read
// must not be written by the same kernel. By pieces of 16 bytes, else an ordinary load.
template <int kWidth, typename T>
__device__ Vector<std::remove_const_t<T>, kWidth> load_streaming(T* source) {
  using Value = Vector<std::remove_const_t<T>, kWidth>;
  if constexpr (sizeof(Value) % sizeof(Bits16) == 0) {
    constexpr int kPieces = sizeof(Value) / sizeof(Bits16);
    Bits16 bits[kPieces];
    for (int i = 0; i < kPieces; ++i) {
      bits[i] = load_bits_streaming(reinterpret_cast<const Bits16*>(source) + i);
    }
    Value value;
    memcpy(&value, bits, sizeof value);
    return value;
  } else {
    return load<kWidth>(source);
  }
}

// As store(), for data that nobody reads soon.
template <int kWidth, typename T>
__device__ void store_streaming(T* target, Vector<T, kWidth> value) {
  if constexpr (sizeof value % sizeof(Bits16) == 0) {
    constexpr int kPieces = sizeof value / sizeof(Bits16);
    Bits16 bits[kPieces];
    memcpy(bits, &value, sizeof value);
    for (int i = 0; i < kPieces; ++i) {
      store_bits_streaming(reinterpret_cast<Bits16*>(target) + i, bits[i]);
    }
  } else {
    store(target, value);
  }
}

// A number of elements, known to the compiler: std::integral_constant's is not for device code.
template <int kWidth>
struct Width {
  __device__ constexpr operator int() const { return kWidth; }
};

// Of this thread among all threads of the launch, and how many there are.
__device__ inline int64_t thread_of_grid() {
  return int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}
__device__ inline int64_t threads_of_grid() { return int64_t{gridDim.x} * blockDim.x; }

// Calls body(i, width) so that the calls of all threads together cover [0, n): `width` is
// Width<kWidth> but for the tail, where it is Width<1>. Neighbouring threads get neighbours.
template <int kWidth, typename Body>
__device__ void grid_stride(int64_t n, Body body) {
  const int64_t thread = thread_of_grid();
  const int64_t threads = threads_of_grid();
  const int64_t vectors = n / kWidth;
  for (int64_t i = thread; i < vectors; i += threads) {
    body(i * kWidth, Width<kWidth>{});
  }
  const int64_t tail = vectors * kWidth + thread;
  if (tail < n) body(tail, Width<1>{});
}

// bf16 is the upper half of a float.
__device__ inline float bf16_to_float(uint16_t bits) {
  const uint32_t word = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}

// Rounds to nearest, ties to even; not for NaN.
__device__ inline uint16_t float_to_bf16(float value) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  return static_cast<uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
}

}  // namespace membound::gpu

#include "backends/gpu/wave.h"

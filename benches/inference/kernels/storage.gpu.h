// SPDX-License-Identifier: Apache-2.0
// The stored types of weights and of the KV cache on GPUs, and what turns them into f32 and into
// the bf16 that matrix units multiply.
#pragma once

#include <cstdint>
#include <type_traits>

#include "backends/gpu/block.h"
#include "backends/gpu/numbers.h"

namespace membound::gpu {

// Rows of quantised weights (benches/model/quantised.h): unsigned elements less kOffset times an
// f16 scale for each block of 32, all scales of a row behind its elements.
inline constexpr int kScaleBlock = 32;
inline constexpr int kGroupBlocks = 4;  // of q4_0 that share 64 bytes of nibbles
struct Q8 {
  static constexpr int kOffset = 128, kBlockBytes = 32;
};
struct Q4 {
  static constexpr int kOffset = 8, kBlockBytes = 16;
};

template <typename T>
inline constexpr bool kQuantised = std::is_same_v<T, Q8> || std::is_same_v<T, Q4>;

// Bytes of a row of k elements.
template <typename T>
__host__ __device__ constexpr int64_t row_bytes(int64_t k) {
  if constexpr (kQuantised<T>) {
    return k / kScaleBlock * (T::kBlockBytes + 2);
  } else {
    return k * int64_t{sizeof(T)};
  }
}

// Two floats to a word of bf16, `low` in its lower half.
__device__ inline uint32_t pack_bf16(float low, float high) {
#if defined(__CUDA_ARCH__)
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
#else
  return narrow<Bf16>(low).bits | uint32_t{narrow<Bf16>(high).bits} << 16;
#endif
}

// The upper halves of two floats: bf16 of those that it holds exactly.
__device__ inline uint32_t upper_halves(float low, float high) {
#if defined(__CUDA_ARCH__)
  return __byte_perm(bits_as<uint32_t>(low), bits_as<uint32_t>(high), 0x7632);
#else
  return bits_as<uint32_t>(low) >> 16 | (bits_as<uint32_t>(high) & 0xffff0000u);
#endif
}

__device__ inline float lower_bf16(uint32_t pair) { return bits_as<float>(pair << 16); }
__device__ inline float upper_bf16(uint32_t pair) { return bits_as<float>(pair & 0xffff0000u); }

// Elements that 16 bytes hold.
template <typename T>
inline constexpr int kVectorElements = 16 / static_cast<int>(sizeof(T));

// Element i of a vector of words.
template <typename T>
__device__ float element(const uint32_t* words, int i) {
  if constexpr (sizeof(T) == 4) {
    return bits_as<float>(words[i]);
  } else if constexpr (std::is_same_v<T, Bf16>) {
    return i % 2 == 0 ? lower_bf16(words[i / 2]) : upper_bf16(words[i / 2]);
  } else {
    return widen(F16{static_cast<uint16_t>(words[i / 2] >> (i % 2 * 16))});
  }
}

// A row of quantised weights.
template <typename Q>
struct QuantisedRow {
  const uint8_t* data;
  int64_t blocks;

  __device__ float scale(int64_t block) const {
    return widen(reinterpret_cast<const F16*>(data + blocks * Q::kBlockBytes)[block]);
  }
  // Element k without its scale.
  __device__ int element(int64_t k) const {
    if constexpr (Q::kOffset == Q8::kOffset) {
      return data[k] - Q8::kOffset;
    } else {
      // The last blocks, too few for a group, share bytes within themselves.
      const int64_t grouped = blocks / kGroupBlocks * kGroupBlocks * kScaleBlock;
      const int size = k < grouped ? kGroupBlocks * kScaleBlock : kScaleBlock;
      const int in = static_cast<int>(k % size);
      const uint8_t pair = data[(k - in) / 2 + in % (size / 2)];
      return (in < size / 2 ? pair & 15 : pair >> 4) - Q4::kOffset;
    }
  }
};

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// What both matmuls with AVX512_VNNI need: activations as int8, and 64 weights as bytes.
#pragma once

#if defined(__x86_64__)
#include <memory>

#include "benches/inference/kernels/bf16_pack.h"
#include "benches/inference/kernels/quantised.h"

#define MEMBOUND_VNNI \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c"), always_inline))
#define MEMBOUND_VNNI_CALL \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c"), noinline))

namespace membound::cpu {

// Memory of one thread that grows and stays, aligned to lines.
class Bytes {
 public:
  uint8_t* reserve(int64_t bytes) {
    if (bytes > capacity_) {
      memory_ = std::make_unique<uint8_t[]>(static_cast<size_t>(bytes) + 64);
      capacity_ = bytes;
    }
    const auto line = (reinterpret_cast<uintptr_t>(memory_.get()) + 63) / 64;
    return reinterpret_cast<uint8_t*>(line * 64);
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  int64_t capacity_ = 0;
};

MEMBOUND_VNNI inline void store_bytes(uint8_t* out, __m512i low, __m512i high) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(low));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16), _mm512_cvtepi32_epi8(high));
}

// The nearest multiple of 128; the rest is from -64 to 63.
MEMBOUND_VNNI inline __m512i first_part(__m512i v) {
  return _mm512_srai_epi32(_mm512_add_epi32(v, _mm512_set1_epi32(64)), 7);
}

// Rounds a block of activations to one or two int8, `second` apart, and returns their scale and
// sum. In f32 throughout: reference::round_blocks() does the same operations.
struct Rounded {
  float scale;
  int32_t sum;
};
template <int kParts>
MEMBOUND_VNNI inline Rounded round_block(const float* x, uint8_t* out, int64_t second = 0) {
  constexpr float kMost = kParts == 1 ? kLevels : kTwoLevels;
  const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
  const float largest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
  const __m512 inverse = _mm512_set1_ps(largest > 0 ? kMost / largest : 0.0f);
  const __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse));
  const __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse));
  if constexpr (kParts == 1) {
    store_bytes(out, low, high);
  } else {
    const __m512i a = first_part(low), b = first_part(high);
    store_bytes(out, a, b);
    store_bytes(out + second, _mm512_sub_epi32(low, _mm512_slli_epi32(a, 7)),
                _mm512_sub_epi32(high, _mm512_slli_epi32(b, 7)));
  }
  return {largest / kMost, _mm512_reduce_add_epi32(_mm512_add_epi32(low, high))};
}

// The first `count` of 64 bytes.
inline __mmask64 first_bytes(int64_t count) {
  return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
}

MEMBOUND_VNNI inline __m512i low_nibbles(__m512i v) {
  return _mm512_and_si512(v, _mm512_set1_epi8(15));
}
MEMBOUND_VNNI inline __m512i high_nibbles(__m512i v) {
  return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
}

// Pair `pair` of blocks from `elements` on, where a whole group of blocks begins. Two calls for the
// halves of a group of q4_0 become one load.
MEMBOUND_VNNI inline __m512i whole_pair(Q8, const uint8_t* elements, int64_t pair) {
  return _mm512_loadu_si512(elements + pair * 64);
}
MEMBOUND_VNNI inline __m512i whole_pair(Q4, const uint8_t* elements, int64_t pair) {
  const __m512i v = _mm512_loadu_si512(elements + pair / 2 * 64);
  return pair % 2 == 0 ? low_nibbles(v) : high_nibbles(v);
}

// Blocks `block` (even) and `block` + 1 of a row anywhere; zeros for one past the last.
MEMBOUND_VNNI inline __m512i pair_of(Q8, const uint8_t* row, int64_t blocks, int64_t block) {
  return _mm512_maskz_loadu_epi8(first_bytes((blocks - block) * Q8::kBlockBytes),
                                 row + block * Q8::kBlockBytes);
}
MEMBOUND_VNNI inline __m512i pair_of(Q4, const uint8_t* row, int64_t blocks, int64_t block) {
  if (block < blocks / kGroupBlocks * kGroupBlocks) return whole_pair(Q4{}, row, block / 2);
  // Left as they come in files: 16 low nibbles, 16 high ones.
  const __m256i bytes = _mm256_maskz_loadu_epi8(
      static_cast<__mmask32>(first_bytes(std::min<int64_t>(2, blocks - block) * Q4::kBlockBytes)),
      row + block * Q4::kBlockBytes);
  const __m512i twice = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 1, 0, 1, 2, 3, 2, 3),
                                                 _mm512_castsi256_si512(bytes));
  return low_nibbles(_mm512_srlv_epi64(twice, _mm512_setr_epi64(0, 0, 4, 4, 0, 0, 4, 4)));
}

// Up to 16 scales, zeros beyond.
MEMBOUND_VNNI inline __m512 scales_of(const Half* scales, int64_t count) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(count), scales));
}

}  // namespace membound::cpu
#endif

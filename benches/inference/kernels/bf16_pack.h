// SPDX-License-Identifier: Apache-2.0
// Operands and results of bf16 panels: activations to pairs, odd shapes and f16 weights to whole
// tiles, sums to outputs. AVX-512, which every machine with bf16 units has.
#pragma once

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes the undefined operands inside its own intrinsics for ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "benches/inference/kernels/bf16_matmul.h"
#include "benches/inference/kernels/quantised.h"

#define MEMBOUND_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

namespace membound::cpu {

// 16 x 16 words.
MEMBOUND_AVX512 inline void transpose(__m512i* v) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; ++i) {
    v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

// The nearest bf16 of each lane in its upper half, ties to even; finite values only.
MEMBOUND_AVX512 inline __m512i round_up_half(__m512 value) {
  const __m512i bits = _mm512_castps_si512(value);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  return _mm512_and_si512(rounded, _mm512_set1_epi32(static_cast<int>(0xffff0000u)));
}

// Two parts of 16 values: bf16 in upper halves, the second what the first leaves.
struct Parts {
  __m512i first, second;
};
MEMBOUND_AVX512 inline Parts split(__m512 value) {
  const __m512i first = round_up_half(value);
  return {first, round_up_half(_mm512_sub_ps(value, _mm512_castsi512_ps(first)))};
}

// 32 bf16 in order from two vectors of upper halves.
MEMBOUND_AVX512 inline __m512i join(__m512i low, __m512i high) {
  const __m512i lanes =
      _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27,
                       25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return _mm512_permutex2var_epi16(low, lanes, high);
}

// The first `count` of 16 lanes.
inline __mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, 16)) - 1);
}

// The next kTileDepth of `count` activations of one token, zeros beyond: out[part][kTileDepth].
MEMBOUND_AVX512 inline void pack_parts(const float* x, int64_t count, int64_t parts,
                                       uint16_t* out) {
  const Parts a = split(_mm512_maskz_loadu_ps(first_lanes(count), x));
  const Parts b = split(_mm512_maskz_loadu_ps(first_lanes(count - 16), x + 16));
  _mm512_storeu_si512(out, join(a.first, b.first));
  if (parts == 2) _mm512_storeu_si512(out + kTileDepth, join(a.second, b.second));
}

// One step of up to 16 tokens: x[token][0, count) to out[part][k / 2][token][2], zeros beyond.
MEMBOUND_AVX512 inline void pack_step(const float* x, int64_t stride, int64_t tokens, int64_t count,
                                      int parts, int64_t part_stride, uint16_t* out) {
  __m512i words[2][16];
  for (int64_t i = 0; i < 16; ++i) {
    const int64_t valid = i < tokens ? count : 0;
    const float* row = x + std::min(i, tokens - 1) * stride;
    const Parts a = split(_mm512_maskz_loadu_ps(first_lanes(valid), row));
    const Parts b = split(_mm512_maskz_loadu_ps(first_lanes(valid - 16), row + 16));
    words[0][i] = join(a.first, b.first);
    words[1][i] = join(a.second, b.second);
  }
  for (int part = 0; part < parts; ++part) {
    transpose(words[part]);
    for (int64_t i = 0; i < 16; ++i) {
      _mm512_storeu_si512(out + part * part_stride + i * 32, words[part][i]);
    }
  }
}

// Copies w[rows][count] to whole tiles out[kept][padded], zeros beyond.
inline void copy_panel(const uint16_t* w, int64_t stride, int64_t rows, int64_t count, int64_t kept,
                       int64_t padded, uint16_t* out) {
  for (int64_t i = 0; i < kept; ++i) {
    uint16_t* row = out + i * padded;
    uint16_t* end = i < rows ? std::copy(w + i * stride, w + i * stride + count, row) : row;
    std::fill(end, row + padded, uint16_t{0});
  }
}

// 32 f16 in two parts: 11 bits of mantissa are 8 and 3, so that cutting them off is exact.
MEMBOUND_AVX512 inline void split_halves(__m512i halves, uint16_t* first, uint16_t* second) {
  const __m512 a = _mm512_cvtph_ps(_mm512_castsi512_si256(halves));
  const __m512 b = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1));
  _mm512_storeu_si512(first, join(_mm512_castps_si512(a), _mm512_castps_si512(b)));
  const __m512i mask = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  const __m512 rest_a =
      _mm512_sub_ps(a, _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(a), mask)));
  const __m512 rest_b =
      _mm512_sub_ps(b, _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(b), mask)));
  _mm512_storeu_si512(second, join(_mm512_castps_si512(rest_a), _mm512_castps_si512(rest_b)));
}

// As copy_panel() from f16, in two parts.
MEMBOUND_AVX512 inline void split_panel(const uint16_t* w, int64_t stride, int64_t rows,
                                        int64_t count, int64_t kept, int64_t padded,
                                        uint16_t* first, uint16_t* second) {
  for (int64_t i = 0; i < kept; ++i) {
    const uint16_t* row = w + std::min(i, rows - 1) * stride;
    const int64_t valid = i < rows ? count : 0;
    int64_t k = 0;
    for (; k + 32 <= valid; k += 32) {
      _mm_prefetch(row + k + 256, _MM_HINT_T0);
      split_halves(_mm512_loadu_si512(row + k), first + i * padded + k, second + i * padded + k);
    }
    for (; k < padded; k += 32) {
      const __mmask32 lanes = valid > k ? (1u << (valid - k)) - 1 : 0;
      split_halves(_mm512_maskz_loadu_epi16(lanes, row + k), first + i * padded + k,
                   second + i * padded + k);
    }
  }
}

// One block of up to 16 rows of a panel: row i's elements times its scale, rounded to bf16, to
// out[i][0, 32), rows `stride` apart; zeros for rows that the panel lacks. Machines with AMX have
// the conversions of AVX512_BF16 too.
template <typename Q>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))) inline void widen_rows(
    const PanelBlock& block, int64_t rows, int64_t stride, uint16_t* out) {
  constexpr int64_t kWords = Q::kBlockBytes / kWord;
  constexpr int kHalves = Q::kBlockBytes < kScaleBlock ? 2 : 1;  // nibbles of a byte
  constexpr float kMagic = 1 << 23;  // whose last bit is worth 1: no conversion from integers
  const __mmask16 lanes = first_lanes(rows);
  const __m512i low = _mm512_set1_epi32(kHalves == 2 ? 15 : 255);
  const __m512 scale = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, block.scales));
  const __m512i in_pairs =
      _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                       21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  // Pairs of neighbours, a vector of 16 rows each.
  __m512i pairs[16];
#pragma GCC unroll 8
  for (int64_t i = 0; i < kWords; ++i) {
    const __m512i word = _mm512_maskz_loadu_epi32(lanes, block.words + i * rows * kWord);
#pragma GCC unroll 4
    for (int j = 0; j < 2 * kHalves; ++j) {
      __m512 element[2];
      for (int side = 0; side < 2; ++side) {
        const int shift = (j % 2 * 2 + side) * 8 + j / 2 * 4;
        const __m512i bits = _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi32(word, shift), low),
                                             _mm512_castps_si512(_mm512_set1_ps(kMagic)));
        element[side] = _mm512_mul_ps(
            _mm512_sub_ps(_mm512_castsi512_ps(bits), _mm512_set1_ps(kMagic + Q::kOffset)), scale);
      }
      const auto both = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(element[1], element[0]));
      pairs[(j / 2 * kWords + i) * 2 + j % 2] = _mm512_permutexvar_epi16(in_pairs, both);
    }
  }
  transpose(pairs);
  for (int64_t i = 0; i < kPanelRows; ++i) _mm512_storeu_si512(out + i * stride, pairs[i]);
}

// As copy_panel() from rows [n, n + rows) of quantised weights, blocks [first, first + count) of
// each, rounded to bf16.
template <typename Q>
MEMBOUND_AVX512 inline void widen_panel(const Panels<Q>& w, int64_t n, int64_t rows, int64_t first,
                                        int64_t count, int64_t kept, int64_t padded,
                                        uint16_t* out) {
  for (int64_t i = 0; i < kept; i += kPanelRows) {
    uint16_t* to = out + i * padded;
    const int64_t valid = i < rows ? count : 0;
    for (int64_t b = 0; b < valid; ++b) {
      const Panel<Q> panel = w.panel(n + i);
      widen_rows<Q>(panel.block(first + b), panel.rows, padded, to + b * kScaleBlock);
    }
    for (int64_t row = 0; row < kPanelRows; ++row) {
      std::fill(to + row * padded + valid * kScaleBlock, to + (row + 1) * padded, uint16_t{0});
    }
  }
}

// Sums c[16 rows][kGroup] to y[token][0, rows); `stream`: whole lines go past the caches.
MEMBOUND_AVX512 inline void write_sums(const float* c, int64_t rows, int64_t tokens, float* y,
                                       int64_t stride, bool add, bool stream) {
  __m512i v[16];
  for (int i = 0; i < 16; ++i) v[i] = _mm512_loadu_si512(c + i * kGroup);
  transpose(v);
  const __mmask16 lanes = first_lanes(rows);
  for (int64_t i = 0; i < tokens; ++i) {
    float* out = y + i * stride;
    __m512 sum = _mm512_castsi512_ps(v[i]);
    if (add) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes, out));
    if (stream && rows >= 16 && reinterpret_cast<uintptr_t>(out) % 64 == 0) {
      _mm512_stream_ps(out, sum);
    } else {
      _mm512_mask_storeu_ps(out, lanes, sum);
    }
  }
}

}  // namespace membound::cpu
#endif

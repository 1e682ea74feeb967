// SPDX-License-Identifier: Apache-2.0
// Panels of bf16 with AVX512_BF16: pairs of weights are broadcast from where they lie in memory and
// multiplied with the pairs of 16 tokens.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "benches/inference/kernels/bf16_matmul.h"

#define MEMBOUND_AVX512_BF16 __attribute__((target("avx512f,avx512bf16")))

namespace membound::cpu {
namespace {

MEMBOUND_AVX512_BF16 inline __m512bh pair_of(const uint16_t* w) {
  int32_t word;
  std::memcpy(&word, w, sizeof word);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(word));
}

// kRows weight rows with kTokenTiles tiles of tokens: their sums fill half the registers.
template <int kRows, int kTokenTiles>
MEMBOUND_AVX512_BF16 void multiply_rows(const Bf16Panel& p, int64_t row) {
  __m512 sum[kRows][kTokenTiles];
  for (auto& of_row : sum) {
    for (auto& s : of_row) s = _mm512_setzero_ps();
  }
  const uint16_t* w = p.w[0] + row * p.stride;
  const uint16_t* x = p.x;
  for (int64_t step = 0; step < p.steps; ++step) {
    for (int64_t pair = 0; pair < kTileDepth / 2; ++pair) {
      __m512bh tokens[kTokenTiles];
      for (int tile = 0; tile < kTokenTiles; ++tile) {
        tokens[tile] = reinterpret_cast<__m512bh>(
            _mm512_loadu_si512(x + tile * kTileElements + pair * 2 * kTileRows));
      }
      for (int i = 0; i < kRows; ++i) {
        const __m512bh weights = pair_of(w + i * p.stride + 2 * pair);
        for (int tile = 0; tile < kTokenTiles; ++tile) {
          sum[i][tile] = _mm512_dpbf16_ps(sum[i][tile], weights, tokens[tile]);
        }
      }
    }
    w += kTileDepth;
    x += kTokenTiles * kTileElements;
  }
  for (int i = 0; i < kRows; ++i) {
    for (int tile = 0; tile < kTokenTiles; ++tile) {
      _mm512_storeu_ps(p.c + (row + i) * kGroup + tile * kTileRows, sum[i][tile]);
    }
  }
}

template <int kRowTiles, int kTokenTiles>
void multiply(const Bf16Panel& p) {
  constexpr int kRows = 16 / kTokenTiles;
  for (int64_t row = 0; row < kRowTiles * kTileRows; row += kRows) {
    multiply_rows<kRows, kTokenTiles>(p, row);
  }
}

}  // namespace

Bf16Multiply choose_dot(const Bf16Shape& shape) {
  if (shape.row_tiles == 1) return multiply<1, 1>;
  return shape.token_tiles == 1 ? multiply<2, 1> : multiply<2, 2>;
}

}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// Panels of bf16 on AMX: a tile of weights is 16 rows of 32 elements as they lie in memory, a tile
// of activations 16 tokens in pairs of k, and one instruction adds their product to 16 x 16 sums.
#if defined(__x86_64__)
#include <immintrin.h>

#include "benches/inference/kernels/bf16_matmul.h"

#define MEMBOUND_AMX __attribute__((target("amx-tile,amx-bf16")))

namespace membound::cpu {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Tiles 0 to 3 are sums [row tile][token tile], 4 and 5 weights, 6 and 7 activations. Loads come
// right before the products that need them: the core runs ahead by itself.
template <int kWeightParts, int kActivationParts, int kRowTiles, int kTokenTiles>
MEMBOUND_AMX void multiply(const Bf16Panel& p) {
  const int64_t stride = p.stride * 2;  // bytes
  _tile_zero(0);
  if constexpr (kTokenTiles == 2) _tile_zero(1);
  if constexpr (kRowTiles == 2) _tile_zero(2);
  if constexpr (kRowTiles == 2 && kTokenTiles == 2) _tile_zero(3);
  const uint16_t* x = p.x;
  for (int64_t step = 0; step < p.steps; ++step) {
    for (int64_t i = 0; i < p.next_rows; ++i) {
      _mm_prefetch(p.next + i * p.stride + step * kTileDepth, _MM_HINT_T1);
    }
    for (int part = 0; part < kWeightParts; ++part) {
      const uint16_t* w = p.w[part] + step * kTileDepth;
      _tile_loadd(4, w, stride);
      if constexpr (kRowTiles == 2) _tile_loadd(5, w + kTileRows * p.stride, stride);
      // The product of both second parts is below what f32 holds.
      for (int other = 0; other < kActivationParts - part; ++other) {
        const uint16_t* tokens = x + other * kTokenTiles * kTileElements;
        _tile_loadd(6, tokens, 64);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (kRowTiles == 2) _tile_dpbf16ps(2, 5, 6);
        if constexpr (kTokenTiles == 2) {
          _tile_loadd(7, tokens + kTileElements, 64);
          _tile_dpbf16ps(1, 4, 7);
          if constexpr (kRowTiles == 2) _tile_dpbf16ps(3, 5, 7);
        }
      }
    }
    x += kActivationParts * kTokenTiles * kTileElements;
  }
  constexpr int64_t kStride = kGroup * 4;  // bytes
  _tile_stored(0, p.c, kStride);
  if constexpr (kTokenTiles == 2) _tile_stored(1, p.c + kTileRows, kStride);
  if constexpr (kRowTiles == 2) _tile_stored(2, p.c + kTileRows * kGroup, kStride);
  if constexpr (kRowTiles == 2 && kTokenTiles == 2) {
    _tile_stored(3, p.c + kTileRows * kGroup + kTileRows, kStride);
  }
}

template <int kWeightParts, int kActivationParts>
Bf16Multiply choose(const Bf16Shape& shape) {
  if (shape.row_tiles == 1) return multiply<kWeightParts, kActivationParts, 1, 1>;
  return shape.token_tiles == 1 ? multiply<kWeightParts, kActivationParts, 2, 1>
                                : multiply<kWeightParts, kActivationParts, 2, 2>;
}

}  // namespace

Bf16Multiply choose_amx(const Bf16Shape& shape) {
  if (shape.weight_parts == 2) return choose<2, 2>(shape);
  return shape.activation_parts == 2 ? choose<1, 2>(shape) : choose<1, 1>(shape);
}

MEMBOUND_AMX void configure_amx() {
  // Static: GCC 12 takes the instruction to read only the first word, and drops stores to the rest.
  static const TileConfig config;
  _tile_loadconfig(&config);
}

MEMBOUND_AMX void release_amx() { _tile_release(); }

}  // namespace membound::cpu
#endif

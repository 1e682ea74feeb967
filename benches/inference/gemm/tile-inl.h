// SPDX-License-Identifier: Apache-2.0
// A panel of weight rows is transposed and widened once, then tiles of tokens multiply it with
// broadcast activations, which needs no horizontal sums.
#if defined(MEMBOUND_GEMM_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMBOUND_GEMM_TILE_INL_H_
#undef MEMBOUND_GEMM_TILE_INL_H_
#else
#define MEMBOUND_GEMM_TILE_INL_H_
#endif

#include <algorithm>

#include "benches/inference/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kPanel = 2 * kLanes;  // weight rows: two vectors of outputs a token
constexpr int kTileTokens = HWY_TARGET <= HWY_AVX3 ? 12 : 6;  // two sums each fill the registers

#if HWY_TARGET <= HWY_AVX3
HWY_INLINE WordVector even_blocks(WordVector a, WordVector b) {
  return WordVector{_mm512_shuffle_i32x4(a.raw, b.raw, 0x88)};
}
HWY_INLINE WordVector odd_blocks(WordVector a, WordVector b) {
  return WordVector{_mm512_shuffle_i32x4(a.raw, b.raw, 0xdd)};
}
#endif

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void transpose(WordVector*) {}
#else
// 4x4 words within each block of 128 bits.
HWY_INLINE void transpose_blocks(WordVector* v) {
  const hn::RepartitionToWide<Words> wide;
  const Words d;
  const auto a = hn::BitCast(wide, hn::InterleaveLower(d, v[0], v[1]));
  const auto b = hn::BitCast(wide, hn::InterleaveLower(d, v[2], v[3]));
  const auto c = hn::BitCast(wide, hn::InterleaveUpper(d, v[0], v[1]));
  const auto e = hn::BitCast(wide, hn::InterleaveUpper(d, v[2], v[3]));
  v[0] = hn::BitCast(d, hn::InterleaveLower(wide, a, b));
  v[1] = hn::BitCast(d, hn::InterleaveUpper(wide, a, b));
  v[2] = hn::BitCast(d, hn::InterleaveLower(wide, c, e));
  v[3] = hn::BitCast(d, hn::InterleaveUpper(wide, c, e));
}

// v: kLanes vectors, the rows of a square; becomes its columns.
HWY_INLINE void transpose(WordVector* v) {
  for (int64_t row = 0; row < kLanes; row += 4) transpose_blocks(v + row);
  const Words d;
  (void)d;
  for (int i = 0; i < 4; ++i) {
#if HWY_TARGET <= HWY_AVX3
    const auto low = hn::ConcatLowerLower(d, v[i + 4], v[i]);
    const auto low2 = hn::ConcatLowerLower(d, v[i + 12], v[i + 8]);
    const auto high = hn::ConcatUpperUpper(d, v[i + 4], v[i]);
    const auto high2 = hn::ConcatUpperUpper(d, v[i + 12], v[i + 8]);
    v[i] = even_blocks(low, low2);
    v[i + 4] = odd_blocks(low, low2);
    v[i + 8] = even_blocks(high, high2);
    v[i + 12] = odd_blocks(high, high2);
#elif HWY_TARGET == HWY_AVX2
    const auto low = hn::ConcatLowerLower(d, v[i + 4], v[i]);
    v[i + 4] = hn::ConcatUpperUpper(d, v[i + 4], v[i]);
    v[i] = low;
#endif
  }
}
#endif  // HWY_SCALAR

HWY_INLINE void store_column(WordVector words, const float*, float* out) {
  hn::StoreU(hn::BitCast(Floats(), words), Floats(), out);
}
HWY_INLINE void store_column(WordVector words, const uint16_t*, float* out) {
  hn::StoreU(lower_half(words), Floats(), out);
  hn::StoreU(upper_half(words), Floats(), out + kPanel);
}
HWY_INLINE void store_column(WordVector words, const Half*, float* out) {
  hn::StoreU(lower_f16(words), Floats(), out);
  hn::StoreU(upper_f16(words), Floats(), out + kPanel);
}

// kLanes rows by kLanes words of weights to columns of f32. bf16 and f16 move in pairs, which
// halves the shuffles, and each line is loaded once: rows 4 KiB apart fall into the same set of the
// L1.
template <typename T>
HWY_NOINLINE void pack_square(const T* w, int64_t stride, float* out) {
  WordVector v[kLanes];
  for (int64_t row = 0; row < kLanes; ++row) v[row] = load_words(w + row * stride);
  transpose(v);
  constexpr int64_t step = 4 / static_cast<int64_t>(sizeof(T)) * kPanel;
  for (int64_t k = 0; k < kLanes; ++k) store_column(v[k], w, out + k * step);
}

// out[k][kPanel] = w[row][k] for `rows` <= kPanel rows and `count` elements; missing rows are 0.
template <typename T>
void pack_panel(const T* w, int64_t stride, int64_t rows, int64_t count, float* out) {
  constexpr int64_t square = kLanes * 4 / static_cast<int64_t>(sizeof(T));
  int64_t k = 0;
  for (; rows == kPanel && k + square <= count; k += square) {
    pack_square(w + k, stride, out + k * kPanel);
    pack_square(w + kLanes * stride + k, stride, out + k * kPanel + kLanes);
  }
  for (; k < count; ++k) {
    for (int64_t row = 0; row < kPanel; ++row) {
      out[k * kPanel + row] = row < rows ? widen(w[row * stride + k]) : 0.0f;
    }
  }
}

// out[k][kTileTokens] = x[token][k]: a tile of tokens becomes one stream of broadcasts.
inline void pack_tokens(const float* x, int64_t stride, int64_t tokens, int64_t count, float* out) {
  for (int64_t token = 0; token < tokens; ++token) {
    for (int64_t k = 0; k < count; ++k) out[k * kTileTokens + token] = x[token * stride + k];
  }
}

HWY_INLINE void store_outputs(Vector v, float* y, int64_t columns, bool add) {
  if (columns >= kLanes) {
    hn::StoreU(add ? hn::Add(v, load(y)) : v, Floats(), y);
    return;
  }
  HWY_ALIGN float lane[kLanes];
  hn::Store(v, Floats(), lane);
  for (int64_t i = 0; i < columns; ++i) y[i] = add ? y[i] + lane[i] : lane[i];
}

struct Tile {
  const float* w;   // from pack_panel
  const float* x;   // from pack_tokens
  int64_t count;    // elements of k
  float* y;         // first output
  int64_t stride;   // of y, between tokens
  int64_t columns;  // outputs to write, <= kPanel
  bool add;         // to what y holds
};

// kTokens x kPanel outputs in registers. For each k: 2 loads, kTokens broadcasts, 2 kTokens FMAs.
template <int kTokens>
HWY_NOINLINE void multiply(const Tile& tile) {
  const Floats d;
  Vector sum[kTokens][2];
  for (int i = 0; i < kTokens; ++i) sum[i][0] = sum[i][1] = hn::Zero(d);
  const float* HWY_RESTRICT w = tile.w;
  const float* HWY_RESTRICT x = tile.x;
  for (int64_t k = 0; k < tile.count; ++k) {
    const Vector a = hn::LoadU(d, w);
    const Vector b = hn::LoadU(d, w + kLanes);
    for (int i = 0; i < kTokens; ++i) {
      const Vector activation = hn::Set(d, x[i]);
      sum[i][0] = hn::MulAdd(a, activation, sum[i][0]);
      sum[i][1] = hn::MulAdd(b, activation, sum[i][1]);
    }
    w += kPanel;
    x += kTileTokens;
  }
  for (int i = 0; i < kTokens; ++i) {
    float* y = tile.y + i * tile.stride;
    store_outputs(sum[i][0], y, tile.columns, tile.add);
    if (tile.columns > kLanes)
      store_outputs(sum[i][1], y + kLanes, tile.columns - kLanes, tile.add);
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MEMBOUND_GEMM_TILE_INL_H_

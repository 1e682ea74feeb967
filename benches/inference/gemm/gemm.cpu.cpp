// SPDX-License-Identifier: Apache-2.0
// y[m][N] = (accumulate ? y : 0) + x[m][K] . W[N][K]^T for many tokens: bound by FMAs.
// Buffers: 0 W, 1 x, 2 y. Sizes: m, N, K, accumulate, and see matmul_rows().
//
//   for (j = 0; j < m; ++j)
//     for (n = 0; n < N; ++n) {
//       sum = accumulate ? y[j][n] : 0;
//       for (k = 0; k < K; ++k) sum += x[j][k] * W[n][k];
//       y[j][n] = sum;
//     }
//
// Fewest bytes: N * K weights; flops: 2 * m * N * K.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/inference/gemm/gemm.cpu.cpp"
#include <array>
#include <utility>

#include "hwy/foreach_target.h"
// Keep the order: what follows needs what foreach_target.h sets up.
#include "backends/cpu/kernel.h"
#include "benches/inference/gemm/tile-inl.h"
#include "benches/inference/kernels/quantised-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

// Elements of k taken at once: the packed panel (32 KiB with 16 lanes) stays in the L1 while all
// tokens pass by, and their activations in the L2.
constexpr int64_t kBlock = 256;

using Multiply = void (*)(const Tile&);
template <int... kTokens>
constexpr std::array<Multiply, sizeof...(kTokens)> multiplies(
    std::integer_sequence<int, kTokens...>) {
  return {multiply<kTokens + 1>...};
}

// Where weights come from: pack() brings the block at row n and element k to a panel, and line(i)
// is line i of the kLines that it takes in memory.
template <typename T>
struct Source {
  static constexpr int64_t kRowLines = kBlock / kLineElements<T>;
  const T* w;
  int64_t width;

  Source(const void* data, int64_t, int64_t columns)
      : w(static_cast<const T*>(data)), width(columns) {}
  void pack(int64_t n, int64_t k, int64_t rows, int64_t count, float* panel) const {
    pack_panel(w + n * width + k, width, rows, count, panel);
  }
  const void* line(int64_t n, int64_t k, int64_t i) const {
    return w + (n + i / kRowLines) * width + k + i % kRowLines * kLineElements<T>;
  }
};

// Lanes of a vector are rows already: out[k][kPanel], k from 0, of one block of kLanes rows.
template <typename Q, int... kElements>
HWY_INLINE void widen_words(const PanelBlock& block, int64_t lane, float* out,
                            std::integer_sequence<int, kElements...>) {
  const Vector scale = load(block.scales + lane);
  for (int64_t i = 0; i < Q::kBlockBytes / kWord; ++i) {
    const WordVector words = load_words(block.words + (i * kPanelRows + lane) * kWord);
    (hn::StoreU(hn::Mul(widen_element<Q, kElements>(words), scale), Floats(),
                out + element_of<Q>(i, kElements) * kPanel),
     ...);
  }
}

template <typename Q>
struct QuantisedSource {
  static constexpr int64_t kRowLines = kBlock / kScaleBlock * kStoredBytes<Q> / kLine;
  Panels<Q> panels;

  QuantisedSource(const void* data, int64_t rows, int64_t columns)
      : panels{static_cast<const uint8_t*>(data), rows, columns / kScaleBlock} {}
  void pack(int64_t n, int64_t k, int64_t rows, int64_t count, float* panel) const {
    for (int64_t i = 0; i < kPanel; i += kLanes) {
      for (int64_t at = 0; at < count; at += kScaleBlock) {
        pack_block(n + i, (k + at) / kScaleBlock, rows - i, panel + at * kPanel + i);
      }
    }
  }
  const void* line(int64_t n, int64_t k, int64_t i) const {
    const Panel<Q> panel = panels.panel(n + i / (kRowLines * kPanelRows) * kPanelRows);
    return panel.pair(k / kScaleBlock) + i % (kRowLines * kPanelRows) * kLine;
  }

 private:
  // One block of rows [n, n + kLanes), of which there are `rows`.
  void pack_block(int64_t n, int64_t block, int64_t rows, float* out) const {
    const Panel<Q> from = panels.panel(n);
    if (rows >= kLanes && from.rows == kPanelRows) {
      widen_words<Q>(from.block(block), n % kPanelRows, out,
                     std::make_integer_sequence<int, kWordElements<Q>>());
      return;
    }
    float wide[kScaleBlock] = {};
    for (int64_t i = 0; i < kLanes; ++i) {
      if (i < rows) widen_block(from, n % kPanelRows + i, block, wide);
      for (int64_t j = 0; j < kScaleBlock; ++j) out[j * kPanel + i] = wide[j];
    }
  }
};
template <>
struct Source<Q8> : QuantisedSource<Q8> {
  using QuantisedSource<Q8>::QuantisedSource;
};
template <>
struct Source<Q4> : QuantisedSource<Q4> {
  using QuantisedSource<Q4>::QuantisedSource;
};

// Lines [from, to) of the block of weights that is packed next: it must not be waited for then.
template <typename T>
void prefetch_block(const Source<T>& source, int64_t n, int64_t k, int64_t from, int64_t to) {
  for (int64_t i = from; i < to; ++i) prefetch_l2(source.line(n, k, i));
}

// The outputs of a tile are needed only after its last FMA.
inline void prefetch_outputs(const float* y, int64_t stride, int64_t tokens) {
  for (int64_t i = 0; i < tokens; ++i) {
    prefetch(y + i * stride);
    prefetch(y + i * stride + kLanes);
  }
}

// One panel of weight rows and one block of k with all tokens.
template <typename T>
void panel_by_tokens(const Args& args, const float* x, float* panel, int64_t n, int64_t k,
                     Range rows) {
  static constexpr auto multiply_for = multiplies(std::make_integer_sequence<int, kTileTokens>());
  const int64_t m = args.n[0], height = args.n[1], width = args.n[2];
  const int64_t columns = std::min(kPanel, rows.end - n), count = std::min(kBlock, width - k);
  const Source<T> source(args.buffer[0].data, height, width);
  source.pack(n, k, columns, count, panel);
  const int64_t lines = n + 2 * kPanel <= rows.end ? kPanel * Source<T>::kRowLines : 0;
  for (int64_t first = 0; first < m; first += kTileTokens) {
    const int64_t tokens = std::min<int64_t>(kTileTokens, m - first);
    float* y = pointer<float>(args, 2) + first * height + n;
    prefetch_block(source, n + kPanel, k, lines * first / m, lines * (first + tokens) / m);
    prefetch_outputs(y, height, tokens);
    const Tile tile = {panel,   x + first * kBlock,     count, y, height,
                       columns, k > 0 || args.n[3] != 0};
    multiply_for[static_cast<size_t>(tokens - 1)](tile);
  }
}

template <typename T>
void gemm(const Args& args, Team team) {
  static thread_local Scratch scratch;
  const int64_t m = args.n[0], width = args.n[2];
  const Range rows = matmul_rows(args, kPanel, team);
  float* panel = scratch.reserve(kPanel * kBlock + (m + kTileTokens) * kBlock);
  float* x = panel + kPanel * kBlock;
  for (int64_t k = 0; k < width; k += kBlock) {
    for (int64_t first = 0; first < m; first += kTileTokens) {
      pack_tokens(pointer<float>(args, 1) + first * width + k, width,
                  std::min<int64_t>(kTileTokens, m - first), std::min(kBlock, width - k),
                  x + first * kBlock);
    }
    for (int64_t n = rows.begin; n < rows.end; n += kPanel) {
      panel_by_tokens<T>(args, x, panel, n, k, rows);
    }
  }
}

void gemm_bf16(const Args& args, Team team) { gemm<uint16_t>(args, team); }
void gemm_f16(const Args& args, Team team) { gemm<Half>(args, team); }
void gemm_f32(const Args& args, Team team) { gemm<float>(args, team); }
void gemm_q8_0(const Args& args, Team team) { gemm<Q8>(args, team); }
void gemm_q4_0(const Args& args, Team team) { gemm<Q4>(args, team); }

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/isa.h"
#include "benches/inference/gemm/gemm.cpu.h"
#include "benches/inference/kernels/bf16_matmul.h"
#include "benches/inference/kernels/int8_matmul.h"

namespace membound::cpu {
HWY_EXPORT(gemm_bf16);
HWY_EXPORT(gemm_f16);
HWY_EXPORT(gemm_f32);
HWY_EXPORT(gemm_q8_0);
HWY_EXPORT(gemm_q4_0);

void matmul_bf16(const Args& args, Team team) {
#if defined(__x86_64__)
  if (extensions().amx_bf16) return amx_matmul_bf16(args, team);
  if (extensions().avx512_bf16) return dot_matmul_bf16(args, team);
#endif
  HWY_DYNAMIC_DISPATCH(gemm_bf16)(args, team);
}

void matmul_f16(const Args& args, Team team) {
#if defined(__x86_64__)
  if (extensions().amx_bf16) return amx_matmul_f16(args, team);
#endif
  HWY_DYNAMIC_DISPATCH(gemm_f16)(args, team);
}

void matmul_f32(const Args& args, Team team) { HWY_DYNAMIC_DISPATCH(gemm_f32)(args, team); }

// Tiles of bf16 do several times what vectors of int8 do, and round less.
template <typename Q>
void matmul_quantised(const Args& args, Team team) {
#if defined(__x86_64__)
  if (extensions().amx_bf16) return amx_matmul_quantised<Q>(args, team);
  if (extensions().avx512_vnni) return vnni_matmul<Q>(args, team);
  if (extensions().avx512_bf16) return dot_matmul_quantised<Q>(args, team);
#endif
  if (Q::kOffset == Q8::kOffset) return HWY_DYNAMIC_DISPATCH(gemm_q8_0)(args, team);
  HWY_DYNAMIC_DISPATCH(gemm_q4_0)(args, team);
}
template void matmul_quantised<Q8>(const Args& args, Team team);
template void matmul_quantised<Q4>(const Args& args, Team team);

static const Registrar q8_0("gemm/q8_0", matmul_quantised<Q8>);
static const Registrar q4_0("gemm/q4_0", matmul_quantised<Q4>);
static const Registrar bf16("gemm/bf16", matmul_bf16);
static const Registrar f16("gemm/f16", matmul_f16);
static const Registrar f32("gemm/f32", matmul_f32);
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// y[m][N] = (accumulate ? y : 0) + x[m][K] . W[N][K]^T for few tokens and quantised weights, whose
// elements meet activations in two int8, here one int16. Buffers and sizes as in gemv.cpu.cpp; the
// arithmetic is that of vnni_matmul.cpu.cpp, here by instructions that every target has: both sides
// widened to int16.
//
// Fewest bytes: 34 (q8_0) or 18 (q4_0) for each 32 weights; flops: 2 * m * N * K.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/inference/gemv/quantised.cpu.cpp"
#include <algorithm>
#include <cmath>

#include "hwy/foreach_target.h"
// Keep the order: what follows needs what foreach_target.h sets up.
#include "backends/cpu/kernel.h"
#include "benches/inference/gemm/gemm.cpu.h"
#include "benches/inference/kernels/quantised-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

#if HWY_TARGET != HWY_SCALAR

constexpr int64_t kAhead = 2560;  // bytes that are prefetched ahead

using Shorts = hn::Repartition<int16_t, Floats>;
constexpr int64_t kVectors = kPanelRows / kLanes;  // of a panel's rows

// A token's activations in the order in which words are taken apart: of each four elements 0 and 2,
// then 1 and 3.
struct Activations {
  const int16_t* q;       // [token][block][32]
  const float* scale;     // [token][block]
  const int32_t* offset;  // [token][block]: -offset * sum of q
  int64_t blocks;
};

// Rounds as vnni_matmul.cpu.cpp does, operation by operation: the reference follows both.
inline void round_block(const float* x, int32_t element_offset, int16_t* q, float* scale,
                        int32_t* offset) {
  constexpr int64_t kOrder[kWord] = {0, 2, 1, 3};
  float largest = 0;
  for (int64_t i = 0; i < kScaleBlock; ++i) largest = std::max(largest, std::abs(x[i]));
  const float inverse = largest > 0 ? kTwoLevels / largest : 0.0f;
  int32_t sum = 0;
  for (int64_t i = 0; i < kScaleBlock; ++i) {
    const int64_t from = i / kWord * kWord + kOrder[i % kWord];
    q[i] = static_cast<int16_t>(std::nearbyint(x[from] * inverse));
    sum += q[i];
  }
  *scale = largest / kTwoLevels;
  *offset = -element_offset * sum;
}

template <typename Q>
Activations pack_activations(const Args& args) {
  static thread_local Scratch scratch;
  const int64_t blocks = args.n[2] / kScaleBlock, all = args.n[0] * blocks;
  float* scale = scratch.reserve(all * (2 + kScaleBlock / 2));
  auto* offset = reinterpret_cast<int32_t*>(scale + all);
  auto* q = reinterpret_cast<int16_t*>(offset + all);
  for (int64_t i = 0; i < all; ++i) {
    round_block(pointer<float>(args, 1) + i * kScaleBlock, Q::kOffset, q + i * kScaleBlock,
                scale + i, offset + i);
  }
  return {q, scale, offset, blocks};
}

// Two of the four bytes or nibbles of each row's word, as int16.
template <typename Q, int kShift>
HWY_INLINE hn::Vec<Shorts> two_elements(WordVector words) {
  constexpr uint32_t kMask = Q::kBlockBytes < kScaleBlock ? 0x000f000f : 0x00ff00ff;
  return hn::BitCast(Shorts(), hn::And(hn::ShiftRight<kShift>(words), hn::Set(Words(), kMask)));
}

// Sums of products with two activations, which share a word.
struct Dot {
  hn::Vec<Int32s> sum[2];
};
HWY_INLINE void add_products(hn::Vec<Shorts> elements, const int16_t* q, Dot& dot) {
  int32_t both;
  std::memcpy(&both, q, sizeof both);
  const auto activations = hn::BitCast(Shorts(), hn::Set(Int32s(), both));
  dot.sum[0] =
      hn::ReorderWidenMulAccumulate(Int32s(), elements, activations, dot.sum[0], dot.sum[1]);
}

// One block of kLanes rows with all tokens; words and scales are those of the first of them.
template <typename Q, int kTokens>
HWY_INLINE void add_block(const PanelBlock& in, const Activations& x, int64_t block,
                          Vector (&sum)[kTokens]) {
  Dot dot[kTokens];
  for (int t = 0; t < kTokens; ++t) dot[t].sum[0] = dot[t].sum[1] = hn::Zero(Int32s());
  for (int64_t i = 0; i < Q::kBlockBytes; i += kWord) {
    const WordVector words = load_words(in.words + i * kPanelRows);
    for (int t = 0; t < kTokens; ++t) {
      const int16_t* q = x.q + (t * x.blocks + block) * kScaleBlock + i;
      add_products(two_elements<Q, 0>(words), q, dot[t]);
      add_products(two_elements<Q, 8>(words), q + 2, dot[t]);
      if (Q::kBlockBytes < kScaleBlock) {
        add_products(two_elements<Q, 4>(words), q + Q::kBlockBytes, dot[t]);
        add_products(two_elements<Q, 12>(words), q + Q::kBlockBytes + 2, dot[t]);
      }
    }
  }
  const Vector scale = load(in.scales);
  for (int t = 0; t < kTokens; ++t) {
    const int64_t at = t * x.blocks + block;
    const auto whole = hn::Add(hn::RearrangeToOddPlusEven(dot[t].sum[0], dot[t].sum[1]),
                               hn::Set(Int32s(), x.offset[at]));
    const Vector product = hn::Mul(scale, hn::Set(Floats(), x.scale[at]));
    sum[t] = hn::MulAdd(hn::ConvertTo(Floats(), whole), product, sum[t]);
  }
}

// y[token][row] of a whole panel.
template <typename Q, int kTokens>
HWY_NOINLINE void dot_panel(const Panel<Q>& panel, const Activations& x,
                            float (&y)[kTokens][kPanelRows]) {
  Vector sum[kVectors][kTokens];
  for (auto& of_rows : sum) {
    for (auto& s : of_rows) s = hn::Zero(Floats());
  }
  for (int64_t b = 0; b < panel.blocks; ++b) {
    const PanelBlock block = panel.block(b);
    for (int64_t at = 0; at < kPanelRows * kStoredBytes<Q>; at += kLine) {
      prefetch(block.words + at + kAhead);
    }
    for (int64_t v = 0; v < kVectors; ++v) {
      add_block<Q, kTokens>({block.words + v * kLanes * kWord, block.scales + v * kLanes}, x, b,
                            sum[v]);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int64_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sum[v][t], Floats(), y[t] + v * kLanes);
    }
  }
}

// The same of a panel of fewer rows, one by one as if each were all of them.
template <typename Q, int kTokens>
void dot_rows(const Panel<Q>& panel, const Activations& x, float (&y)[kTokens][kPanelRows]) {
  for (int64_t row = 0; row < panel.rows; ++row) {
    Vector sum[kTokens];
    for (auto& s : sum) s = hn::Zero(Floats());
    for (int64_t b = 0; b < panel.blocks; ++b) {
      const PanelBlock block = panel.block(b);
      alignas(kLine) uint8_t words[kPanelRows * Q::kBlockBytes] = {};
      Half scales[kLanes] = {block.scales[row]};
      for (int64_t i = 0; i < Q::kBlockBytes; i += kWord) {
        std::memcpy(words + i * kPanelRows, block.words + i * panel.rows + row * kWord, kWord);
      }
      add_block<Q, kTokens>({words, scales}, x, b, sum);
    }
    for (int t = 0; t < kTokens; ++t) y[t][row] = hn::GetLane(sum[t]);
  }
}

template <typename Q, int kTokens>
void all_rows(const Args& args, Team team) {
  const Panels<Q> panels = {pointer<uint8_t>(args, 0), args.n[1], args.n[2] / kScaleBlock};
  const Range range = matmul_rows(args, kPanelRows, team);
  if (range.begin == range.end) return;
  const Activations x = pack_activations<Q>(args);
  for (int64_t n = range.begin; n < range.end; n += kPanelRows) {
    float sum[kTokens][kPanelRows];
    const Panel<Q> panel = panels.panel(n);
    if (panel.rows == kPanelRows) {
      dot_panel<Q, kTokens>(panel, x, sum);
    } else {
      dot_rows<Q, kTokens>(panel, x, sum);
    }
    for (int t = 0; t < kTokens; ++t) {
      float* y = pointer<float>(args, 2) + t * args.n[1] + n;
      for (int64_t i = 0; i < std::min(kPanelRows, range.end - n); ++i) {
        y[i] = sum[t][i] + (args.n[3] != 0 ? y[i] : 0.0f);
      }
    }
  }
}

template <typename Q>
void few_tokens(const Args& args, Team team) {
  constexpr KernelFunction by_tokens[] = {all_rows<Q, 1>, all_rows<Q, 2>, all_rows<Q, 3>,
                                          all_rows<Q, 4>};
  by_tokens[args.n[0] - 1](args, team);
}

#else

template <typename Q>
void few_tokens(const Args& args, Team team) {
  matmul_quantised<Q>(args, team);
}

#endif

void few_q8_0(const Args& args, Team team) { few_tokens<Q8>(args, team); }
void few_q4_0(const Args& args, Team team) { few_tokens<Q4>(args, team); }

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/isa.h"
#include "benches/inference/kernels/int8_matmul.h"

namespace membound::cpu {
HWY_EXPORT(few_q8_0);
HWY_EXPORT(few_q4_0);
namespace {

constexpr int64_t kStreamed = 4;  // tokens that weights meet as they stream by

template <typename Q>
void gemv(const Args& args, Team team, KernelFunction few) {
#if defined(__x86_64__)
  // Also where there are tiles: to bring weights to bf16 takes longer than these products.
  if (extensions().avx512_vnni && args.n[0] <= kVnniTokens) return vnni_matmul<Q>(args, team);
#endif
  args.n[0] <= kStreamed ? few(args, team) : matmul_quantised<Q>(args, team);
}

const Registrar q8_0("gemv/q8_0", [](const Args& args, Team team) {
  gemv<Q8>(args, team, [](const Args& a, Team t) { HWY_DYNAMIC_DISPATCH(few_q8_0)(a, t); });
});
const Registrar q4_0("gemv/q4_0", [](const Args& args, Team team) {
  gemv<Q4>(args, team, [](const Args& a, Team t) { HWY_DYNAMIC_DISPATCH(few_q4_0)(a, t); });
});

}  // namespace
}  // namespace membound::cpu
#endif

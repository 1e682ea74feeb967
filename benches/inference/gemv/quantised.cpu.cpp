// SPDX-License-Identifier: Apache-2.0
// y[m][N] = (accumulate ? y : 0) + x[m][K] . W[N][K]^T for few tokens and quantised weights, whose
// elements meet activations in two int8, here one int16. Buffers and sizes as in gemv.cpu.cpp; the
// arithmetic is that of vnni_rows.cpu.cpp, here by instructions that every target has: both sides
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

constexpr int64_t kAhead = 2560;   // bytes that are prefetched ahead
constexpr int64_t kLineRows = 16;  // outputs of a line, which shares are multiples of

using Floats8 = hn::CappedTag<float, 8>;  // so that int16 are at most half a block
using Integers = hn::RebindToSigned<Floats8>;
using Shorts = hn::Repartition<int16_t, Floats8>;
using Bytes = hn::Rebind<uint8_t, Shorts>;
using Sum = hn::Vec<Floats8>;

// [token][stride]; what is beyond the last block is 0.
struct Activations {
  const int16_t* q;
  const float* scale;   // a block
  const float* offset;  // a block: -offset * sum of q
  float* products;      // of a row's scales with each token's
  int64_t blocks;       // rounded up to whole vectors
};

// As vnni.h rounds, operation by operation: the reference follows both.
inline void round_block(const float* x, int32_t element_offset, int16_t* q, float* scale,
                        float* offset) {
  float largest = 0;
  for (int64_t i = 0; i < kScaleBlock; ++i) largest = std::max(largest, std::abs(x[i]));
  const float inverse = largest > 0 ? kTwoLevels / largest : 0.0f;
  int32_t sum = 0;
  for (int64_t i = 0; i < kScaleBlock; ++i) {
    q[i] = static_cast<int16_t>(std::nearbyint(x[i] * inverse));
    sum += q[i];
  }
  *scale = largest / kTwoLevels;
  *offset = static_cast<float>(-element_offset * sum);
}

template <typename Q>
Activations pack_activations(const Args& args) {
  static thread_local Scratch scratch;
  const int64_t m = args.n[0], blocks = args.n[2] / kScaleBlock;
  const int64_t padded = (blocks + kLanes - 1) / kLanes * kLanes, all = m * padded;
  float* scale = scratch.reserve(all * (3 + kScaleBlock / 2));
  float* offset = scale + all;
  float* products = offset + all;
  auto* q = reinterpret_cast<int16_t*>(products + all);
  std::fill(scale, products, 0.0f);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t at = i * padded + b;
      round_block(pointer<float>(args, 1) + (i * blocks + b) * kScaleBlock, Q::kOffset,
                  q + at * kScaleBlock, scale + at, offset + at);
    }
  }
  return {q, scale, offset, products, padded};
}

// Products of scales, and the sums that the elements' offset takes off.
template <int kTokens>
HWY_INLINE void multiply_scales(const Half* scales, int64_t blocks, const Activations& x,
                                float (&sum)[kTokens]) {
  Vector off[kTokens];
  for (auto& vector : off) vector = hn::Zero(Floats());
  for (int64_t b = 0; b < x.blocks; b += kLanes) {
    Half last[kLanes] = {};
    if (b + kLanes > blocks) std::copy(scales + b, scales + blocks, last);
    const Vector w = load(b + kLanes > blocks ? last : scales + b);
    for (int t = 0; t < kTokens; ++t) {
      const int64_t at = t * x.blocks + b;
      const Vector product = hn::Mul(w, load(x.scale + at));
      hn::StoreU(product, Floats(), x.products + at);
      off[t] = hn::MulAdd(product, load(x.offset + at), off[t]);
    }
  }
  for (int t = 0; t < kTokens; ++t) sum[t] = sum_lanes(off[t]);
}

// One block with all tokens.
template <typename Q, int kTokens>
HWY_INLINE void add_block(const Halves& halves, const Activations& x, int64_t block,
                          Sum (&sum)[kTokens]) {
  const Shorts d;
  constexpr int64_t kStep = hn::MaxLanes(Shorts());
  hn::Vec<Integers> dot[kTokens][2];
  for (auto& of_token : dot) of_token[0] = of_token[1] = hn::Zero(Integers());
  for (int half = 0; half < 2; ++half) {
    for (int64_t i = 0; i < 16; i += kStep) {
      auto element = hn::PromoteTo(d, hn::LoadU(Bytes(), halves.bytes[half] + i));
      if (Q::kBlockBytes < kScaleBlock) {
        if (halves.shift[half] != 0) element = hn::ShiftRight<4>(element);
        element = hn::And(element, hn::Set(d, 15));
      }
      for (int t = 0; t < kTokens; ++t) {
        const int16_t* q = x.q + (t * x.blocks + block) * kScaleBlock + half * 16 + i;
        dot[t][0] = hn::ReorderWidenMulAccumulate(Integers(), element, hn::LoadU(d, q), dot[t][0],
                                                  dot[t][1]);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    const auto product = hn::Set(Floats8(), x.products[t * x.blocks + block]);
    const auto whole = hn::ConvertTo(Floats8(), hn::Add(dot[t][0], dot[t][1]));
    sum[t] = hn::MulAdd(whole, product, sum[t]);
  }
}

// y[token] of one row.
template <typename Q, int kTokens>
HWY_NOINLINE void dot_row(const Rows<Q>& rows, const uint8_t* row, const Activations& x,
                          float (&y)[kTokens]) {
  multiply_scales<kTokens>(rows.scales(row), rows.blocks, x, y);
  Sum sum[kTokens];
  for (auto& s : sum) s = hn::Zero(Floats8());
  for (int64_t b = 0; b < rows.blocks; ++b) {
    if (b % (kLine / Q::kBlockBytes) == 0) prefetch(row + b * (Q::kBlockBytes + 2) + kAhead);
    add_block<Q, kTokens>(halves_of(Q{}, row, rows.blocks, b), x, b, sum);
  }
  for (int t = 0; t < kTokens; ++t) y[t] += hn::GetLane(hn::SumOfLanes(Floats8(), sum[t]));
}

template <typename Q, int kTokens>
void all_rows(const Args& args, Team team) {
  const int64_t height = args.n[1];
  const Rows<Q> rows = {pointer<uint8_t>(args, 0), args.n[2] / kScaleBlock};
  const Range range = matmul_rows(args, kLineRows, team);
  if (range.begin == range.end) return;
  const Activations x = pack_activations<Q>(args);
  for (int64_t n = range.begin; n < range.end; ++n) {
    float sum[kTokens];
    dot_row<Q, kTokens>(rows, rows.row(n), x, sum);
    for (int t = 0; t < kTokens; ++t) {
      float* y = pointer<float>(args, 2) + t * height + n;
      *y = sum[t] + (args.n[3] != 0 ? *y : 0.0f);
    }
  }
}

template <typename Q>
void by_rows(const Args& args, Team team) {
  constexpr KernelFunction by_tokens[] = {all_rows<Q, 1>, all_rows<Q, 2>, all_rows<Q, 3>,
                                          all_rows<Q, 4>};
  by_tokens[args.n[0] - 1](args, team);
}

#else

template <typename Q>
void by_rows(const Args& args, Team team) {
  matmul_quantised<Q>(args, team);
}

#endif

void rows_q8_0(const Args& args, Team team) { by_rows<Q8>(args, team); }
void rows_q4_0(const Args& args, Team team) { by_rows<Q4>(args, team); }

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/isa.h"
#include "benches/inference/kernels/int8_matmul.h"

namespace membound::cpu {
HWY_EXPORT(rows_q8_0);
HWY_EXPORT(rows_q4_0);
namespace {

constexpr int64_t kStreamed = 4;  // tokens that rows of weights meet as they stream by

const Registrar q8_0("gemv/q8_0", [](const Args& args, Team team) {
  if (args.n[0] > kStreamed) return matmul_quantised<Q8>(args, team);
#if defined(__x86_64__)
  if (extensions().avx512_vnni) return vnni_rows<Q8>(args, team);
#endif
  HWY_DYNAMIC_DISPATCH(rows_q8_0)(args, team);
});
const Registrar q4_0("gemv/q4_0", [](const Args& args, Team team) {
  if (args.n[0] > kStreamed) return matmul_quantised<Q4>(args, team);
#if defined(__x86_64__)
  if (extensions().avx512_vnni) return vnni_rows<Q4>(args, team);
#endif
  HWY_DYNAMIC_DISPATCH(rows_q4_0)(args, team);
});

}  // namespace
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// y[m][N] = (accumulate ? y : 0) + x[m][K] . W[N][K]^T for few tokens: weights stream once.
// Buffers: 0 W, 1 x, 2 y. Sizes: m (1..64), N, K, accumulate, and see matmul_rows().
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
#define HWY_TARGET_INCLUDE "benches/inference/gemv/gemv.cpu.cpp"
#include <algorithm>
#include <array>
#include <utility>

#include "hwy/foreach_target.h"
// Keep the order: what follows needs what foreach_target.h sets up.
#include "backends/cpu/isa.h"
#include "backends/cpu/kernel.h"
#include "benches/inference/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kAhead = 2560;       // bytes that are prefetched ahead in a row
constexpr int64_t kRows = 16;          // that shares and halves are whole multiples of: lines of y
constexpr int64_t kStep = 2 * kLanes;  // elements of a row that one step of a loop takes
constexpr int kTileTokens = HWY_TARGET <= HWY_AVX3 ? 8 : 4;  // their sums must fit the registers

// Two vectors of weights: the next ones, of bf16 even and odd elements, which is one operation each
// where the order of the row would take two.
template <typename T>
HWY_INLINE void load_step(const T* p, Vector& a, Vector& b) {
  a = load(p);
  b = load(p + kLanes);
  keep(a);
  keep(b);
}
HWY_INLINE void load_step(const uint16_t* p, Vector& a, Vector& b) {
  WordVector words = load_words(p);
  keep(words);
  a = lower_half(words);
  b = upper_half(words);
}

// Copies a step of activations in the order of load_step.
template <typename T>
void pack_step(const float* x, float* out) {
  for (int64_t i = 0; i < kLanes; ++i) {
    out[i] = x[kInPairs<T> ? 2 * i : i];
    out[kLanes + i] = x[kInPairs<T> ? 2 * i + 1 : kLanes + i];
  }
}

// The same for `count` activations, with zeros up to a whole step.
template <typename T>
void pack_activations(const float* x, int64_t count, float* out) {
  int64_t k = 0;
  for (; k + kStep <= count; k += kStep) pack_step<T>(x + k, out + k);
  if (k == count) return;
  float rest[kStep] = {};
  std::copy(x + k, x + count, rest);
  pack_step<T>(rest, out + k);
}

// Two weight rows, far apart: one core gets more bytes a second from two streams than from one.
template <typename T>
struct Pair {
  const T* a;
  const T* b;
};

// Adds the products of two rows with kTokens tokens to sums[token][row], vectors that are reduced
// later.
template <int kTokens, typename T>
HWY_NOINLINE void multiply_pair(const Pair<T>& pair, const float* HWY_RESTRICT x, int64_t stride,
                                int64_t count, float* HWY_RESTRICT sums) {
  const Floats d;
  Vector sum[kTokens][2];
  for (int i = 0; i < kTokens; ++i) {
    sum[i][0] = hn::Load(d, sums + 2 * i * kLanes);
    sum[i][1] = hn::Load(d, sums + (2 * i + 1) * kLanes);
  }
  const T* HWY_RESTRICT a = pair.a;
  const T* HWY_RESTRICT b = pair.b;
  for (int64_t k = 0; k < count; k += kStep) {
    constexpr int64_t ahead = kAhead / static_cast<int64_t>(sizeof(T));
    for (int64_t at = 0; at < kStep; at += kLineElements<T>) {
      prefetch(a + k + at + ahead);
      prefetch(b + k + at + ahead);
    }
    Vector a0, a1, b0, b1;
    load_step(a + k, a0, a1);
    load_step(b + k, b0, b1);
    for (int i = 0; i < kTokens; ++i) {
      Vector x0 = load(x + i * stride + k);
      Vector x1 = load(x + i * stride + k + kLanes);
      keep(x0);
      keep(x1);
      sum[i][0] = hn::MulAdd(a0, x0, sum[i][0]);
      sum[i][1] = hn::MulAdd(b0, x0, sum[i][1]);
      sum[i][0] = hn::MulAdd(a1, x1, sum[i][0]);
      sum[i][1] = hn::MulAdd(b1, x1, sum[i][1]);
    }
  }
  for (int i = 0; i < kTokens; ++i) {
    hn::Store(sum[i][0], d, sums + 2 * i * kLanes);
    hn::Store(sum[i][1], d, sums + (2 * i + 1) * kLanes);
  }
}

template <typename T>
using Multiply = void (*)(const Pair<T>&, const float*, int64_t, int64_t, float*);

// One token as if it were two. With less to do for each line a core's loads run so far ahead of
// their use that they hold up the prefetches: twice the arithmetic reads f32 8 % faster, bf16 1 %.
template <typename T>
void multiply_one(const Pair<T>& pair, const float* x, int64_t, int64_t count, float* sums) {
  alignas(64) float both[4 * kLanes] = {};
  std::copy(sums, sums + 2 * kLanes, both);
  multiply_pair<2, T>(pair, x, 0, count, both);
  std::copy(both, both + 2 * kLanes, sums);
}

// For one token, two, three, ...
template <typename T, int... kMore>
constexpr std::array<Multiply<T>, sizeof...(kMore) + 1> multiplies(
    std::integer_sequence<int, kMore...>) {
  return {multiply_one<T>, multiply_pair<kMore + 2, T>...};
}

// Two rows with all tokens.
template <typename T>
void all_tokens(const Pair<T>& pair, const float* x, int64_t stride, int64_t m, int64_t count,
                float* sums) {
  static constexpr auto multiply =
      multiplies<T>(std::make_integer_sequence<int, kTileTokens - 1>());
  const int64_t tiles = (m + kTileTokens - 1) / kTileTokens;
  const int64_t whole = count / kStep * kStep;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = m * tile / tiles, tokens = m * (tile + 1) / tiles - first;
    const Multiply<T> call = multiply[static_cast<size_t>(tokens - 1)];
    call(pair, x + first * stride, stride, whole, sums + first * 2 * kLanes);
    if (whole == count) continue;
    T rest[2][kStep] = {};
    std::copy(pair.a + whole, pair.a + count, rest[0]);
    std::copy(pair.b + whole, pair.b + count, rest[1]);
    call({rest[0], rest[1]}, x + first * stride + whole, stride, kStep, sums + first * 2 * kLanes);
  }
}

// The row `half` further on; of an odd number of rows the middle one is paired with itself.
int64_t partner(int64_t row, int64_t half, Range rows) {
  return row + half < rows.end ? row + half : row;
}

// Sums `count` vectors that lie `stride` apart into y[0, count). Whole lines go past the caches: by
// the time that a row is done its weights have pushed y out of them, and a store that has to fetch
// its line holds the stream of weights up for as long as memory takes to answer.
HWY_INLINE void write_rows(float* y, const float* sums, int64_t stride, int64_t count,
                           bool accumulate) {
  constexpr int64_t kLine = 16;
  alignas(64) float line[kLine];
  for (int64_t i = 0; i < count; i += kLine) {
    const int64_t rows = std::min(kLine, count - i);
    for (int64_t j = 0; j < rows; ++j) {
      line[j] =
          (accumulate ? y[i + j] : 0.0f) + sum_lanes(hn::Load(Floats(), sums + (i + j) * stride));
    }
    if (rows == kLine && reinterpret_cast<uintptr_t>(y + i) % sizeof line == 0) {
      for (int64_t j = 0; j < kLine; j += kLanes) hn::Stream(load(line + j), Floats(), y + i + j);
    } else {
      std::copy(line, line + rows, y + i);
    }
  }
}

// Activations in the order of the weights, [copies][m][stride], and behind them the sums of a block
// of pairs. Copies take turns from pair to pair so that all together are too many for the L1 to
// hold beside the weights that pass through it: found by trial, activations that come from the L2
// let bf16 weights of 2048 columns come at 1.02 of the read ceiling on Sapphire Rapids, those that
// stay in the L1 at 0.92. On Zen 5 copies cost 7 %.
struct Activations {
  float* x;
  float* sums;
  int64_t stride, copies, m;

  const float* turn(int64_t pair) const { return x + pair % copies * m * stride; }
};

template <typename T>
Activations pack_copies(const Args& args) {
  static thread_local Scratch scratch;
  constexpr int64_t kEnough = (int64_t{32} << 10) / sizeof(float);
  const int64_t m = args.n[0], width = args.n[2];
  const int64_t stride = (width + kStep - 1) / kStep * kStep;
  const int64_t copies = is_intel() ? (kEnough + m * stride - 1) / (m * stride) : 1;
  float* x = scratch.reserve(copies * m * stride + kRows * 2 * kLanes * m);
  for (int64_t i = 0; i < m; ++i) {
    pack_activations<T>(pointer<float>(args, 1) + i * width, width, x + i * stride);
  }
  for (int64_t i = 1; i < copies; ++i) std::copy(x, x + m * stride, x + i * m * stride);
  return {x, x + copies * m * stride, stride, copies, m};
}

// Rows [first, first + pairs) and their partners.
template <typename T>
void some_pairs(const Args& args, const Activations& in, Range rows, int64_t half, int64_t first,
                int64_t pairs) {
  const int64_t m = args.n[0], height = args.n[1], width = args.n[2];
  const T* w = pointer<T>(args, 0);
  float* y = pointer<float>(args, 2);
  float* sums = in.sums;
  std::fill(sums, sums + pairs * m * 2 * kLanes, 0.0f);
  for (int64_t i = 0; i < pairs; ++i) {
    const T* a = w + (first + i) * width;
    const T* b = w + partner(first + i, half, rows) * width;
    all_tokens<T>({a, b}, in.turn(i), in.stride, m, width, sums + i * m * 2 * kLanes);
  }
  for (int64_t token = 0; token < m; ++token) {
    for (int64_t side = 0; side < 2; ++side) {
      const int64_t row = first + side * half;
      write_rows(y + token * height + row, sums + (2 * token + side) * kLanes, 2 * m * kLanes,
                 std::min(pairs, rows.end - row), args.n[3] != 0);
    }
  }
}

template <typename T>
void gemv(const Args& args, Team team) {
  const Range rows = matmul_rows(args, kRows, team);
  const int64_t count = rows.end - rows.begin;
  if (count == 0) return;
  const Activations in = pack_copies<T>(args);
  const int64_t half = ((count + 1) / 2 + kRows - 1) / kRows * kRows;
  for (int64_t i = 0; i < half; i += kRows) {
    some_pairs<T>(args, in, rows, half, rows.begin + i, std::min({kRows, half - i, count - i}));
  }
  hwy::FlushStream();
}

void gemv_bf16(const Args& args, Team team) { gemv<uint16_t>(args, team); }
void gemv_f16(const Args& args, Team team) { gemv<Half>(args, team); }
void gemv_f32(const Args& args, Team team) { gemv<float>(args, team); }

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "benches/inference/gemm/gemm.cpu.h"
#include "benches/inference/kernels/bf16_matmul.h"

namespace membound::cpu {
HWY_EXPORT(gemv_bf16);
HWY_EXPORT(gemv_f16);
HWY_EXPORT(gemv_f32);
namespace {

// Tokens up to which a weight, once widened, is used where it is. With more of them it pays to
// bring weights into the order that the units want; bf16 lies in memory as tiles take it.
constexpr int64_t kStreamedBf16 = 4, kStreamedF16 = 8, kStreamedF32 = 16;

const Registrar bf16("gemv/bf16", [](const Args& args, Team team) {
#if defined(__x86_64__)
  // Above, tokens fill more of the L2 than all rows of weights are worth.
  const bool few = args.n[0] <= 8 || (args.n[0] <= kDotTokens && args.n[2] <= 4096);
  if (few && !is_intel() && extensions().avx512_bf16) {
    return dot_gemv_bf16(args, team);
  }
#endif
  if (args.n[0] > kStreamedBf16) return matmul_bf16(args, team);
  HWY_DYNAMIC_DISPATCH(gemv_bf16)(args, team);
});
const Registrar f16("gemv/f16", [](const Args& args, Team team) {
  if (args.n[0] > kStreamedF16) return matmul_f16(args, team);
  HWY_DYNAMIC_DISPATCH(gemv_f16)(args, team);
});
const Registrar f32("gemv/f32", [](const Args& args, Team team) {
  if (args.n[0] > kStreamedF32) return matmul_f32(args, team);
  HWY_DYNAMIC_DISPATCH(gemv_f32)(args, team);
});

}  // namespace
}  // namespace membound::cpu
#endif

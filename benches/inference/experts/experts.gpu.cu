// SPDX-License-Identifier: Apache-2.0
// y[slot][N] = x[slot or its token][K] . W[expert of the slot][N][K]^T: one matrix for each expert
// that has tokens.
// Buffers: 0 W [E][N][K], 1 x, 2 y f32 [pairs][N], 3 plan (plan.h). Sizes: pairs, N, K, E, gather
// (1: x is [tokens][K], 0: [pairs][K] in order of slots).
//
//   for (each touched expert e)
//     for (each slot s of e)
//       for (n = 0; n < N; ++n)
//         for (y[s][n] = k = 0; k < K; ++k) y[s][n] += x[s][k] * W[e][n][k];
//
// Fewest bytes: N * K weights of each touched expert; flops: 2 * pairs * N * K. The products are
// those of gemv. How many experts are touched only the device knows: there are blocks for as many
// as could be, and those that are too many end at once.
#include "benches/inference/experts/plan.h"
#include "benches/inference/kernels/dots.gpu.h"
#include "benches/inference/kernels/unit_rows.gpu.h"

namespace membound::gpu {
namespace {

struct Experts {
  const void* w;
  const float* x;
  float* y;
  ExpertPlan plan;
  int64_t n, k;
  bool gather;
};

// What expert number `index` of the touched ones has to do; no tokens beyond them.
template <typename T>
__device__ Matmul matmul_of(const Experts& e, int64_t index) {
  if (index >= *e.plan.touched) return {};
  const int64_t first = e.plan.first_slot[index], last = e.plan.first_slot[index + 1];
  const auto* w = static_cast<const uint8_t*>(e.w);
  return {.w = w + e.plan.expert[index] * e.n * row_bytes<T>(e.k),
          .x = e.gather ? e.x : e.x + first * e.k,
          .y = e.y + first * e.n,
          .x_rows = e.gather ? e.plan.token_of_slot + first : nullptr,
          .tokens = last - first,
          .n = e.n,
          .k = e.k,
          .accumulate = false};
}

template <typename T, int kRows, int kTokens, int kWidth>
__global__ void __launch_bounds__(kMostDotThreads) expert_dots(Experts e) {
  wait_for_previous();
  const Matmul m = matmul_of<T>(e, blockIdx.y);
  if (m.tokens > 0) rows_by_dots<T, kRows, kTokens, kWidth>(m, int64_t{blockIdx.x} * kRows);
}

template <typename T, int kTiles, int kTokens, bool kWhole>
__global__ void __launch_bounds__(kUnitThreads, unit_blocks(kTiles, kTokens))
    expert_units(Experts e) {
  wait_for_previous();
  const Matmul m = matmul_of<T>(e, blockIdx.y);
  const int64_t first_row = int64_t{blockIdx.x} * kTiles * kUnitRows;
  if (m.tokens > 0) rows_by_units<T, kTiles, kTokens, kWhole>(m, first_row);
}

struct Blocks {
  const Experts& e;
  uint32_t most_touched;

  Grid of(int64_t rows, uint32_t threads) const {
    return {dim3(static_cast<uint32_t>((e.n + rows - 1) / rows), most_touched), threads};
  }
};

template <typename T, int kRows, int kTokens>
void launch_dots(const Blocks& blocks, const Site& site) {
  constexpr int kWidth = kVectorElements<T>;
  const Grid grid = blocks.of(kRows, kMostDotThreads / 2);
  if (blocks.e.k % kWidth == 0) {
    return launch_overlapped(expert_dots<T, kRows, kTokens, kWidth>, grid, site, blocks.e);
  }
  launch_overlapped(expert_dots<T, kRows, kTokens, 1>, grid, site, blocks.e);
}

template <typename T>
void launch_units(const Blocks& blocks, int64_t pairs, const Site& site) {
  if (!whole_chunks<T>(blocks.e.k)) {
    const Grid grid = blocks.of(kUnitRows, kUnitThreads);
    return launch_overlapped(expert_units<T, 1, 16, false>, grid, site, blocks.e);
  }
  // With some tokens for each expert on average.
  if (pairs > 8 * blocks.most_touched) {
    const Grid grid = blocks.of(kUnitRows, kUnitThreads);
    return launch_overlapped(expert_units<T, 1, 32, true>, grid, site, blocks.e);
  }
  const Grid grid = blocks.of(2 * kUnitRows, kUnitThreads);
  launch_overlapped(expert_units<T, 2, 8, true>, grid, site, blocks.e);
}

template <typename T>
void experts(const Args& args, const Site& site) {
  const int64_t pairs = args.n[0], count = args.n[3];
  const Experts e = {args.buffer[0].data,
                     pointer<float>(args, 1),
                     pointer<float>(args, 2),
                     ExpertPlan(args.buffer[3].data, count, pairs),
                     args.n[1],
                     args.n[2],
                     args.n[4] != 0};
  const Blocks blocks = {e, static_cast<uint32_t>(std::min(count, pairs))};
  if constexpr (std::is_same_v<T, float>) {
    launch_dots<T, 2, 8>(blocks, site);
  } else {
    // About one token an expert.
    if constexpr (!kQuantised<T>) {
      if (2 * pairs <= count) return launch_dots<T, 4, 2>(blocks, site);
    }
    launch_units<T>(blocks, pairs, site);
  }
}

const Registrar bf16("experts/bf16", experts<Bf16>);
const Registrar f16("experts/f16", experts<F16>);
const Registrar f32("experts/f32", experts<float>);
const Registrar q8_0("experts/q8_0", experts<Q8>);
const Registrar q4_0("experts/q4_0", experts<Q4>);

}  // namespace
}  // namespace membound::gpu

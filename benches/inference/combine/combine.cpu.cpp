// SPDX-License-Identifier: Apache-2.0
// Adds the experts' outputs to each token, weighted.
// Buffers: 0 z f32 [pairs][H] in order of slots, 1 weights f32 [rows][k], 2 plan (experts/plan.h),
// 3 x f32 [rows][H]. Sizes: rows, H, k, E.
//
//   for (r = 0; r < rows; ++r)
//     for (j = 0; j < k; ++j)
//       for (i = 0; i < H; ++i) x[r][i] += weights[r][j] * z[slot of pair (r, j)][i];
//
// Fewest bytes: none but activations; flops: 2 * rows * k * H.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/inference/combine/combine.cpu.cpp"
#include <algorithm>

#include "hwy/foreach_target.h"
// Keep the order: what follows needs what foreach_target.h sets up.
#include "backends/cpu/kernel.h"
#include "benches/inference/experts/plan.h"
#include "benches/inference/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

void add_scaled(const float* z, float weight, int64_t count, float* x) {
  const Floats d;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hn::StoreU(hn::MulAdd(load(z + i), hn::Set(d, weight), load(x + i)), d, x + i);
  }
  for (; i < count; ++i) x[i] += weight * z[i];
}

// Threads share elements, so that a single row is split too.
void combine(const Args& args, Team team) {
  const int64_t rows = args.n[0], width = args.n[1], k = args.n[2];
  const ExpertPlan plan(args.buffer[2].data, args.n[3], rows * k);
  const Range mine = share(rows * width, kLineElements<float>, team);
  for (int64_t at = mine.begin; at < mine.end;) {
    const int64_t row = at / width, column = at - row * width;
    const int64_t count = std::min(width - column, mine.end - at);
    for (int64_t pair = row * k; pair < (row + 1) * k; ++pair) {
      add_scaled(pointer<float>(args, 0) + plan.slot_of_pair[pair] * width + column,
                 pointer<float>(args, 1)[pair], count, pointer<float>(args, 3) + at);
    }
    at += count;
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(combine);
MEMBOUND_CPU_KERNEL("combine/f32", combine);
}  // namespace membound::cpu
#endif

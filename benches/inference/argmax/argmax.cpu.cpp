// SPDX-License-Identifier: Apache-2.0
// tokens[b] = index of the largest logit, the lowest of equal ones.
// Buffers: 0 logits [B][V], 1 tokens int32 [B], 2 scratch, which nothing here needs. Sizes: B, V.
//
//   for (b = 0; b < B; ++b)
//     for (best = i = 0; i < V; ++i)
//       if (logits[b][i] > logits[b][best]) best = i, tokens[b] = best;
//
// Fewest bytes: none but activations; no flops.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/inference/argmax/argmax.cpu.cpp"
#include <algorithm>
#include <limits>

#include "hwy/foreach_target.h"
// Keep the order: what follows needs what foreach_target.h sets up.
#include "backends/cpu/kernel.h"
#include "benches/inference/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kBlock = 1024;  // elements between two looks at the largest so far

float largest(const float* x, int64_t count) {
  const Floats d;
  const Vector low = hn::Set(d, -std::numeric_limits<float>::infinity());
  Vector most[4] = {low, low, low, low};
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    for (int part = 0; part < 4; ++part) {
      const Vector v = load(x + i + part * kLanes);
      // A NaN compares false and is passed over.
      most[part] = hn::IfThenElse(hn::Gt(v, most[part]), v, most[part]);
    }
  }
  float result = max_lanes(hn::Max(hn::Max(most[0], most[1]), hn::Max(most[2], most[3])));
  for (; i < count; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

// The first block with the largest value, and then the first place in it.
int64_t first_largest(const float* x, int64_t count) {
  int64_t block = 0;
  float best = largest(x, std::min(kBlock, count));
  for (int64_t i = kBlock; i < count; i += kBlock) {
    const float candidate = largest(x + i, std::min(kBlock, count - i));
    if (candidate > best) {
      best = candidate;
      block = i;
    }
  }
  for (int64_t i = block; i < std::min(block + kBlock, count); ++i) {
    if (x[i] == best) return i;
  }
  return 0;  // nothing but NaN
}

// A row is read by one thread: sharing it would take a barrier to save a few microseconds.
void argmax(const Args& args, Team team) {
  const int64_t width = args.n[1];
  const Range rows = share(args.n[0], 1, team);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const float* logits = pointer<float>(args, 0) + row * width;
    pointer<int32_t>(args, 1)[row] = static_cast<int32_t>(first_largest(logits, width));
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(argmax);
MEMBOUND_CPU_KERNEL("argmax/f32", argmax);
}  // namespace membound::cpu
#endif

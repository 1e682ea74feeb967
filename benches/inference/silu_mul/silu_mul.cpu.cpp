// SPDX-License-Identifier: Apache-2.0
// out = gate / (1 + exp(-gate)) * up.
// Buffers: 0 gate_up [rows][2 * I], gate first, 1 out [rows][I]. Sizes: rows, I.
//
//   for (r = 0; r < rows; ++r)
//     for (i = 0; i < I; ++i) {
//       g = gate_up[r][i];
//       out[r][i] = g / (1 + exp(-g)) * gate_up[r][I + i];
//     }
//
// Fewest bytes: none but activations; flops: 5 * rows * I.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/inference/silu_mul/silu_mul.cpu.cpp"
#include <algorithm>

#include "hwy/foreach_target.h"
// Keep the order: what follows needs what foreach_target.h sets up.
#include "backends/cpu/kernel.h"
#include "benches/inference/kernels/vectors-inl.h"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

HWY_INLINE Vector silu(Vector gate, Vector up) {
  const Floats d;
  // hn::Exp takes no more than 104; there it is infinite and the quotient 0.
  const Vector e = hn::Exp(d, hn::Min(hn::Neg(gate), hn::Set(d, 104.0f)));
  return hn::Mul(hn::Div(gate, hn::Add(e, hn::Set(d, 1.0f))), up);
}

void part_of_row(const float* gate, const float* up, int64_t count, float* out) {
  const Floats d;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    hn::StoreU(silu(load(gate + i), load(up + i)), d, out + i);
  for (; i < count; ++i) out[i] = hn::GetLane(silu(hn::Set(d, gate[i]), hn::Set(d, up[i])));
}

// Threads share elements, so that a single row is split too.
void silu_mul(const Args& args, Team team) {
  const float* x = pointer<float>(args, 0);
  const int64_t rows = args.n[0], width = args.n[1];
  const Range mine = share(rows * width, kLineElements<float>, team);
  for (int64_t at = mine.begin; at < mine.end;) {
    const int64_t row = at / width;
    const int64_t count = std::min((row + 1) * width, mine.end) - at;
    const float* gate = x + row * width + at;  // row * 2 * width + (at - row * width)
    part_of_row(gate, gate + width, count, pointer<float>(args, 1) + at);
    at += count;
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(silu_mul);
MEMBOUND_CPU_KERNEL("silu_mul/f32", silu_mul);
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// sum += b[i] * c[i]; two elements and 2 flops. Four partial sums a vector lane.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/dot/dot.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
template <typename T>
static void dot(const Args& args, Team team) {
  constexpr int64_t kLine = 64 / sizeof(T);
  const hn::CappedTag<T, kLine> d;
  const int64_t lanes = hn::Lanes(d);
  const T *b = pointer<const T>(args, 1), *c = pointer<const T>(args, 2);
  const Range range = share(args.n[0], kLine, team);
  auto v0 = hn::Zero(d), v1 = v0, v2 = v0, v3 = v0;
  int64_t i = range.begin;
  for (; i + 4 * kLine <= range.end; i += 4 * kLine) {
    for (int64_t j = i; j < i + 4 * kLine; j += kLine) {
      prefetch(b + j, 512), prefetch(c + j, 512);
    }
    for (int64_t j = i; j < i + 4 * kLine; j += 4 * lanes) {
      v0 = hn::MulAdd(hn::LoadU(d, b + j), hn::LoadU(d, c + j), v0);
      v1 = hn::MulAdd(hn::LoadU(d, b + j + lanes), hn::LoadU(d, c + j + lanes), v1);
      v2 = hn::MulAdd(hn::LoadU(d, b + j + 2 * lanes), hn::LoadU(d, c + j + 2 * lanes), v2);
      v3 = hn::MulAdd(hn::LoadU(d, b + j + 3 * lanes), hn::LoadU(d, c + j + 3 * lanes), v3);
    }
  }
  T sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(v0, v1), hn::Add(v2, v3))));
  for (; i < range.end; ++i) sum += b[i] * c[i];
  pointer<T>(args, 0)[team.thread * kLine % args.n[1]] += sum;
}
static void DotF32(const Args& args, Team team) { dot<float>(args, team); }
static void DotF64(const Args& args, Team team) { dot<double>(args, team); }
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
MEMBOUND_STREAM_KERNEL("dot/f32", DotF32);
MEMBOUND_STREAM_KERNEL("dot/f64", DotF64);
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// sum += b[i] * c[i]; two elements and 2 flops.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/dot/dot.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
template <typename T>
static void dot(const Args& args, Team team) {
  sum_stream<T>(args, team,
                [](auto b, auto c, auto sum) HWY_ATTR { return hn::MulAdd(b, c, sum); });
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

// SPDX-License-Identifier: Apache-2.0
// a[i] = s * b[i]; 8 bytes and 1 flop an element, 4 more bytes where stores fetch lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/scale/scale.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
static void Scale(const Args& args, Team team) {
  map<1>(args, team, [](auto s, auto b) { return hn::Mul(s, b); });
}
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(Scale);
MEMBOUND_CPU_KERNEL("scale/f32", Scale);
}  // namespace membound::cpu
#endif

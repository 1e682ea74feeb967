// SPDX-License-Identifier: Apache-2.0
// a[i] = b[i] + s * c[i]; 12 bytes and 2 flops an element, 4 more bytes where stores fetch lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/triad/triad.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
static void Triad(const Args& args, Team team) {
  map<2>(args, team, [](auto s, auto b, auto c) { return hn::MulAdd(s, c, b); });
}
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(Triad);
MEMBOUND_CPU_KERNEL("triad/f32", Triad);
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// a[i] = b[i]; 8 bytes an element, 4 more where stores fetch lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/copy/copy.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
static void Copy(const Args& args, Team team) {
  map<1>(args, team, [](auto, auto b) { return b; });
}
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(Copy);
MEMBOUND_CPU_KERNEL("copy/f32", Copy);
}  // namespace membound::cpu
#endif

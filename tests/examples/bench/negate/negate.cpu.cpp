// SPDX-License-Identifier: Apache-2.0
// a[i] = -b[i]; two elements and 1 flop, a third element where stores fetch lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/negate/negate.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
MEMBOUND_STREAM(Negate, 1, hn::Neg(b))
}
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
MEMBOUND_STREAM_KERNEL("negate/f32", NegateF32);
MEMBOUND_STREAM_KERNEL("negate/f64/nt", NegateF64Nt);
}  // namespace membound::cpu
#endif

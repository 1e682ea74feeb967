// SPDX-License-Identifier: Apache-2.0
// a[i] = s * b[i]; two elements and 1 flop, a third element where stores fetch lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/scale/scale.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
MEMBOUND_STREAM(Scale, 1, hn::Mul(s, b))
}
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
MEMBOUND_STREAM_KERNEL("scale/f32", ScaleF32);
MEMBOUND_STREAM_KERNEL("scale/f32/nt", ScaleF32Nt);
MEMBOUND_STREAM_KERNEL("scale/f64", ScaleF64);
MEMBOUND_STREAM_KERNEL("scale/f64/nt", ScaleF64Nt);
}  // namespace membound::cpu
#endif

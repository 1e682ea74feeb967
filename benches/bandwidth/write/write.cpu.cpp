// SPDX-License-Identifier: Apache-2.0
// a[i] = s; one element written, and read before where stores fetch lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/write/write.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
MEMBOUND_STREAM(Write, 0, s)
}
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
MEMBOUND_STREAM_KERNEL("write/f32", WriteF32);
MEMBOUND_STREAM_KERNEL("write/f32/nt", WriteF32Nt);
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// a[i] = b[i]; two elements moved, a third where stores fetch lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/copy/copy.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
MEMBOUND_STREAM(Copy, 1, b)
}
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
MEMBOUND_STREAM_KERNEL("copy/f32", CopyF32);
MEMBOUND_STREAM_KERNEL("copy/f32/nt", CopyF32Nt);
}  // namespace membound::cpu
#endif

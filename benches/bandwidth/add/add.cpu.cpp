// SPDX-License-Identifier: Apache-2.0
// a[i] = b[i] + c[i]; three elements and 1 flop, a fourth element where stores fetch lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/add/add.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
MEMBOUND_STREAM(Add, 2, hn::Add(b, c))
}
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
MEMBOUND_STREAM_KERNEL("add/f32", AddF32);
MEMBOUND_STREAM_KERNEL("add/f32/nt", AddF32Nt);
MEMBOUND_STREAM_KERNEL("add/f64", AddF64);
MEMBOUND_STREAM_KERNEL("add/f64/nt", AddF64Nt);
}  // namespace membound::cpu
#endif

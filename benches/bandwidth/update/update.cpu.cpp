// SPDX-License-Identifier: Apache-2.0
// a[i] = s * a[i]; two elements and 1 flop; operand b is a itself.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/update/update.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
MEMBOUND_STREAM(Update, 1, hn::Mul(s, b))
}
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
MEMBOUND_STREAM_KERNEL("update/f32", UpdateF32);
MEMBOUND_STREAM_KERNEL("update/f64", UpdateF64);
}  // namespace membound::cpu
#endif

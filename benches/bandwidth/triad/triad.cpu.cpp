// SPDX-License-Identifier: Apache-2.0
// a[i] = b[i] + s * c[i]; three elements and 2 flops, a fourth element where stores fetch lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/triad/triad.cpu.cpp"
#include <hwy/foreach_target.h>

#include "benches/bandwidth/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
MEMBOUND_STREAM(Triad, 2, hn::MulAdd(s, c, b))
}
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
MEMBOUND_STREAM_KERNEL("triad/f32", TriadF32);
MEMBOUND_STREAM_KERNEL("triad/f32/nt", TriadF32Nt);
MEMBOUND_STREAM_KERNEL("triad/f64", TriadF64);
MEMBOUND_STREAM_KERNEL("triad/f64/nt", TriadF64Nt);
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// y = x; repeat n[1] times: y = y * a + b. 2 * n[1] flops and 8 bytes an element.
// Twelve independent chains of vectors cover four cycles of latency on two or three units.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/compute/fma/fma.cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backends/cpu/kernel.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// One block of kChains vectors through all iterations. Written out one by one: GCC up to 14 puts
// arrays of vectors in memory and chains them one after another.
template <class D>
void chains(D d, const float* x, float* y, int64_t iterations, float factor, float addend) {
  const auto a = hn::Set(d, factor);
  const auto b = hn::Set(d, addend);
  const int64_t lanes = hn::Lanes(d);
#define MEMBOUND_EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define MEMBOUND_LOAD(i) auto v##i = hn::LoadU(d, x + i * lanes);
#define MEMBOUND_STEP(i) v##i = hn::MulAdd(v##i, a, b);
#define MEMBOUND_STORE(i) hn::StoreU(v##i, d, y + i * lanes);
  MEMBOUND_EACH(MEMBOUND_LOAD)
  for (int64_t i = 0; i < iterations; ++i) {
    MEMBOUND_EACH(MEMBOUND_STEP)
  }
  MEMBOUND_EACH(MEMBOUND_STORE)
#undef MEMBOUND_EACH
#undef MEMBOUND_LOAD
#undef MEMBOUND_STEP
#undef MEMBOUND_STORE
}

// n[0] is a multiple of 12288 for each unit: whole blocks for vectors of 4 to 16 lanes.
void Fma(const Args& args, Team team) {
  const hn::CappedTag<float, 16> d;
  const int64_t block = 12 * static_cast<int64_t>(hn::Lanes(d));
  const Range range = share(args.n[0], block, team);
  for (int64_t i = range.begin; i < range.end; i += block) {
    chains(d, pointer<float>(args, 0) + i, pointer<float>(args, 1) + i, args.n[1],
           static_cast<float>(args.scalar[0]), static_cast<float>(args.scalar[1]));
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(Fma);
MEMBOUND_CPU_KERNEL("fma/f32", Fma);
}  // namespace membound::cpu
#endif

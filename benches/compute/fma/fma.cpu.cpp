// SPDX-License-Identifier: Apache-2.0
// y = x; repeat n[1] times: y = y * a + b. 2 * n[1] flops an element; memory sees each twice.
// buffer 0 x, 1 y; n: 0 elements, 1 turns; scalar: 0 a, 1 b.
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
template <class D, typename T = hn::TFromD<D>>
void chains(D d, const T* x, T* y, int64_t turns, T factor, T addend) {
  const auto a = hn::Set(d, factor);
  const auto b = hn::Set(d, addend);
  const int64_t lanes = hn::Lanes(d);
#define MEMBOUND_EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define MEMBOUND_LOAD(i) auto v##i = hn::LoadU(d, x + i * lanes);
#define MEMBOUND_STEP(i) v##i = hn::MulAdd(v##i, a, b);
#define MEMBOUND_STORE(i) hn::StoreU(v##i, d, y + i * lanes);
  MEMBOUND_EACH(MEMBOUND_LOAD)
  for (int64_t i = 0; i < turns; ++i) {
    MEMBOUND_EACH(MEMBOUND_STEP)
  }
  MEMBOUND_EACH(MEMBOUND_STORE)
#undef MEMBOUND_EACH
#undef MEMBOUND_LOAD
#undef MEMBOUND_STEP
#undef MEMBOUND_STORE
}

// n[0] is a multiple of 12288 for each unit: whole blocks for vectors of up to 64 bytes.
template <typename T>
void fma(const Args& args, Team team) {
  const hn::CappedTag<T, 64 / sizeof(T)> d;
  const int64_t block = 12 * static_cast<int64_t>(hn::Lanes(d));
  const Range range = share(args.n[0], block, team);
  for (int64_t i = range.begin; i < range.end; i += block) {
    chains(d, pointer<T>(args, 0) + i, pointer<T>(args, 1) + i, args.n[1],
           static_cast<T>(args.scalar[0]), static_cast<T>(args.scalar[1]));
  }
}

void FmaF32(const Args& args, Team team) { fma<float>(args, team); }
void FmaF64(const Args& args, Team team) { fma<double>(args, team); }

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(FmaF32);
HWY_EXPORT(FmaF64);
MEMBOUND_CPU_KERNEL("fma/f32", FmaF32);
MEMBOUND_CPU_KERNEL("fma/f64", FmaF64);
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// See random_bits.h.
#include <cstdint>

#include "backends/cpu/kernel.h"
#include "benches/harness/fill/random_bits.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/harness/fill/fill.cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

// Plain loops: the compiler turns them into vectors for each target. `bits` makes an element from
// 16 random bits; `move` is added to it and shifts the exponent.
template <typename Bits>
void FillPairs(const Args& args, Team team, Bits bits, uint32_t move) {
  uint32_t* out = pointer<uint32_t>(args, 0);  // pairs
  const Range range = share(args.n[0] / 2, 16, team);
  const uint32_t seed = mix(static_cast<uint32_t>(args.n[1]));
  for (int64_t i = range.begin; i < range.end; ++i) {
    const uint32_t random = mix(static_cast<uint32_t>(i) ^ seed);
    const uint32_t low = bits(random & 0xffffu) + move;
    const uint32_t high = bits(random >> 16) + move;
    out[i] = (low & 0xffffu) | high << 16;
  }
  if (team.thread == 0 && args.n[0] % 2 != 0) {
    pointer<uint16_t>(args, 0)[args.n[0] - 1] =
        static_cast<uint16_t>(bits(mix(seed) & 0xffffu) + move);
  }
}

// A power of two moves the exponent only.
uint32_t Shift(const Args& args) { return static_cast<uint32_t>(__builtin_ilogb(args.scalar[0])); }

void FillBf16(const Args& args, Team team) {
  FillPairs(
      args, team, [](uint32_t random) { return float_bits(random); }, Shift(args) << 7);
}

void FillF16(const Args& args, Team team) {
  FillPairs(
      args, team, [](uint32_t random) { return half_bits(random); }, Shift(args) << 10);
}

void FillF32(const Args& args, Team team) {
  float* out = pointer<float>(args, 0);
  const Range range = share(args.n[0], 16, team);
  const uint32_t seed = mix(static_cast<uint32_t>(args.n[1]));
  const float scale = static_cast<float>(args.scalar[0]);
  for (int64_t i = range.begin; i < range.end; ++i) {
    const uint32_t random = mix(static_cast<uint32_t>(i) ^ seed);
    const uint32_t bits = float_bits(random >> 16) << 16 | (random & 0xffffu);
    out[i] = __builtin_bit_cast(float, bits) * scale;
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(FillBf16);
HWY_EXPORT(FillF16);
HWY_EXPORT(FillF32);
MEMBOUND_CPU_KERNEL("fill/bf16", FillBf16);
MEMBOUND_CPU_KERNEL("fill/f16", FillF16);
MEMBOUND_CPU_KERNEL("fill/f32", FillF32);
}  // namespace membound::cpu
#endif

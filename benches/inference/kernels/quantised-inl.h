// SPDX-License-Identifier: Apache-2.0
// Blocks of quantised weights as f32, exactly: an f16 scale times an integer of 8 bits fits.
#if defined(MEMBOUND_KERNELS_QUANTISED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMBOUND_KERNELS_QUANTISED_INL_H_
#undef MEMBOUND_KERNELS_QUANTISED_INL_H_
#else
#define MEMBOUND_KERNELS_QUANTISED_INL_H_
#endif

#include "benches/inference/kernels/quantised.h"
#include "benches/inference/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

// kLanes elements without their offset; kMask: of a nibble.
template <typename Q>
HWY_INLINE Vector load_elements(const uint8_t* bytes, int shift) {
  const hn::Rebind<int32_t, Floats> d;
  const hn::Rebind<uint8_t, Floats> bytes_d;
  auto v = hn::PromoteTo(d, hn::LoadU(bytes_d, bytes));
  if (Q::kBlockBytes < kScaleBlock) {
    v = hn::And(shift == 0 ? v : hn::ShiftRight<4>(v), hn::Set(d, 15));
  }
  return hn::ConvertTo(Floats(), hn::Sub(v, hn::Set(d, Q::kOffset)));
}

// out[0, 32) = block `block` of a row.
template <typename Q>
HWY_INLINE void widen_block(const Rows<Q>& rows, const uint8_t* row, int64_t block, float* out) {
  const Vector scale = hn::Set(Floats(), widen(rows.scales(row)[block]));
  const Halves halves = halves_of(Q{}, row, rows.blocks, block);
  for (int half = 0; half < 2; ++half) {
    for (int64_t i = 0; i < 16; i += kLanes) {
      const Vector v = load_elements<Q>(halves.bytes[half] + i, halves.shift[half]);
      hn::StoreU(hn::Mul(v, scale), Floats(), out + half * 16 + i);
    }
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MEMBOUND_KERNELS_QUANTISED_INL_H_

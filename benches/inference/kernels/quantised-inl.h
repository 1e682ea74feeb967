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

using Int32s = hn::RebindToSigned<Floats>;

// Vectors of one element of kLanes rows from vectors of their words: how many of them a word has,
// and which element of the block number `i` of word number `word` is.
template <typename Q>
constexpr int kWordElements = static_cast<int>(kScaleBlock / (Q::kBlockBytes / kWord));
template <typename Q>
constexpr int64_t element_of(int64_t word, int i) {
  return word * kWord + i % kWord + i / kWord * Q::kBlockBytes;
}
template <typename Q>
constexpr int kElementBits = Q::kBlockBytes < kScaleBlock ? 4 : 8;
// Where it lies in the word: of q4_0 the first four are low nibbles.
template <typename Q>
constexpr int shift_of(int i) {
  return i % static_cast<int>(kWord) * 8 + i / static_cast<int>(kWord) * 4;
}

// Elements of kLanes rows, without their offset.
template <typename Q, int kElement>
HWY_INLINE Vector widen_element(WordVector words) {
  const auto bits = hn::And(hn::ShiftRight<shift_of<Q>(kElement)>(words),
                            hn::Set(Words(), (1u << kElementBits<Q>)-1));
  return hn::ConvertTo(Floats(),
                       hn::Sub(hn::BitCast(Int32s(), bits), hn::Set(Int32s(), Q::kOffset)));
}

// Block `block` of row `row` in a panel, to out[0, 32).
template <typename Q>
HWY_INLINE void widen_block(const Panel<Q>& panel, int64_t row, int64_t block, float* out) {
  const PanelBlock in = panel.block(block);
  uint8_t bytes[Q::kBlockBytes];
  copy_row<Q>(in, panel.rows, row, bytes);
  const Vector scale = hn::Set(Floats(), widen(in.scales[row]));
  const hn::Rebind<uint8_t, Floats> bytes_d;
  for (int64_t i = 0; i < kScaleBlock; i += kLanes) {
    auto v = hn::PromoteTo(Int32s(), hn::LoadU(bytes_d, bytes + i % Q::kBlockBytes));
    if (Q::kBlockBytes < kScaleBlock) {
      v = hn::And(i < Q::kBlockBytes ? v : hn::ShiftRight<4>(v), hn::Set(Int32s(), 15));
    }
    const Vector element = hn::ConvertTo(Floats(), hn::Sub(v, hn::Set(Int32s(), Q::kOffset)));
    hn::StoreU(hn::Mul(element, scale), Floats(), out + i);
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MEMBOUND_KERNELS_QUANTISED_INL_H_

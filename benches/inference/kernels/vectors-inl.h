// SPDX-License-Identifier: Apache-2.0
// Vectors of f32 and the storage types: bf16 (its bits in uint16_t), f16 (Half) and f32. Compiled
// once for each instruction set: the guard opens again whenever foreach_target.h comes round.
#if defined(MEMBOUND_KERNELS_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMBOUND_KERNELS_VECTORS_INL_H_
#undef MEMBOUND_KERNELS_VECTORS_INL_H_
#else
#define MEMBOUND_KERNELS_VECTORS_INL_H_
#endif

#include <cstdint>
#include <cstring>

#include "benches/inference/kernels/half.h"
#include "hwy/aligned_allocator.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// At most 16 lanes, because the KV cache keeps keys in blocks of 16 positions.
using Floats = hn::CappedTag<float, 16>;
using Words = hn::RebindToUnsigned<Floats>;
using Vector = hn::Vec<Floats>;
using WordVector = hn::Vec<Words>;

constexpr int64_t kLanes = hn::MaxLanes(Floats());
constexpr int64_t kLine = 64;  // bytes of a cache line

template <typename T>
constexpr int64_t kLineElements = kLine / static_cast<int64_t>(sizeof(T));

// bf16 is the upper half of an f32, so that widening is a shift and exact.
inline float widen(uint16_t bits) {
  const uint32_t word = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}
inline float widen(float value) { return value; }

inline void narrow(float value, float* out) { *out = value; }

// Rounds to nearest, ties to even; a NaN stays one.
inline void narrow(float value, uint16_t* out) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  *out = static_cast<uint16_t>(nan ? (bits >> 16) | 0x40u : rounded);
}

HWY_INLINE Vector load(const float* p) { return hn::LoadU(Floats(), p); }
HWY_INLINE Vector load(const uint16_t* p) {
  const auto half = hn::LoadU(hn::Rebind<uint16_t, Floats>(), p);
  return hn::BitCast(Floats(), hn::ShiftLeft<16>(hn::PromoteTo(Words(), half)));
}

HWY_INLINE Vector load(const Half* p) {
  const hn::Rebind<hwy::float16_t, Floats> d;
  return hn::PromoteTo(Floats(), hn::LoadU(d, reinterpret_cast<const hwy::float16_t*>(p)));
}

// Reads `kLanes` words from where there need not be words: any type, any alignment.
template <typename T>
HWY_INLINE WordVector load_words(const T* p) {
#if HWY_TARGET == HWY_SCALAR
  uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return hn::Set(Words(), word);
#else
  return hn::LoadU(Words(), reinterpret_cast<const uint32_t*>(p));
#endif
}

// Two bf16 in a word: lower and upper one as f32. An operation each; load() above needs two.
HWY_INLINE Vector lower_half(WordVector words) {
  return hn::BitCast(Floats(), hn::ShiftLeft<16>(words));
}
HWY_INLINE Vector upper_half(WordVector words) {
  return hn::BitCast(Floats(), hn::And(words, hn::Set(Words(), 0xffff0000u)));
}

// The same of two f16.
HWY_INLINE Vector widen_halves(WordVector words) {
  const auto bits = hn::TruncateTo(hn::Rebind<uint16_t, Floats>(), words);
  return hn::PromoteTo(Floats(), hn::BitCast(hn::Rebind<hwy::float16_t, Floats>(), bits));
}
HWY_INLINE Vector lower_f16(WordVector words) {
  return widen_halves(hn::And(words, hn::Set(Words(), 0xffffu)));
}
HWY_INLINE Vector upper_f16(WordVector words) { return widen_halves(hn::ShiftRight<16>(words)); }

// Keeps a loaded vector in its register. GCC otherwise repeats the load in each operation that uses
// it, and loads, not FMAs, were what the loops waited for.
template <typename V>
HWY_INLINE void keep(V& v) {
#if HWY_TARGET <= HWY_AVX2
  __asm__("" : "+v"(v.raw));
#else
  (void)v;
#endif
}

HWY_INLINE float sum_lanes(Vector v) { return hn::GetLane(hn::SumOfLanes(Floats(), v)); }
HWY_INLINE float max_lanes(Vector v) { return hn::GetLane(hn::MaxOfLanes(Floats(), v)); }

HWY_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
HWY_INLINE void prefetch_l2(const void* p) { __builtin_prefetch(p, 0, 2); }

// Memory of one thread that grows and stays; kernels call reserve() each time. It begins a quarter
// into a page: rows of weights often are whole pages, and where activations then fall on the sets
// of the L1 decides whether they stay there (a gemv of 4 rows lost 30 % at 0.5 to 0.7 KiB and 2
// KiB).
class Scratch {
  static constexpr uintptr_t kPage = 4096;  // bytes

 public:
  float* reserve(int64_t floats) {
    if (floats > capacity_) {
      memory_ = hwy::AllocateAligned<float>(static_cast<size_t>(floats) + 2 * kPage);
      capacity_ = floats;
    }
    const auto page = (reinterpret_cast<uintptr_t>(memory_.get()) + kPage - 1) / kPage;
    return reinterpret_cast<float*>(page * kPage + kPage / 4);
  }

 private:
  hwy::AlignedFreeUniquePtr<float[]> memory_;
  int64_t capacity_ = 0;
};

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MEMBOUND_KERNELS_VECTORS_INL_H_

// SPDX-License-Identifier: Apache-2.0
// What kernels that fold words with XOR end with, compiled once for each target of Highway.
#if defined(MEMBOUND_FOLD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMBOUND_FOLD_INL_H
#undef MEMBOUND_FOLD_INL_H
#else
#define MEMBOUND_FOLD_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

// XOR of all lanes of up to 16.
template <class D, class V>
HWY_INLINE uint32_t xor_lanes(D d, V v) {
  namespace hn = hwy::HWY_NAMESPACE;
  HWY_ALIGN uint32_t parts[16];
  hn::Store(v, d, parts);
  uint32_t sum = 0;
  for (size_t i = 0; i < hn::Lanes(d); ++i) sum ^= parts[i];
  return sum;
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

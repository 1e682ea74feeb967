// SPDX-License-Identifier: Apache-2.0
// The loop of a stream kernel on the CPU, compiled once for each target of Highway.
#if defined(MEMBOUND_STREAM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMBOUND_STREAM_INL_H
#undef MEMBOUND_STREAM_INL_H
#else
#define MEMBOUND_STREAM_INL_H
#endif

#include <hwy/highway.h>

#include "backends/cpu/kernel.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// a[i] = op(s, b[i]) or op(s, b[i], c[i]) for this thread's share of n[0] floats; s is scalar[0].
template <int kReads, class D, class Op>
void map_part(D d, const Args& args, int64_t& i, int64_t end, Op op) {
  float* HWY_RESTRICT a = pointer<float>(args, 0);
  const float* HWY_RESTRICT b = pointer<float>(args, 1);
  const auto s = hn::Set(d, static_cast<float>(args.scalar[0]));
  const int64_t lanes = hn::Lanes(d);
  for (; i + lanes <= end; i += lanes) {
    if constexpr (kReads == 1) {
      hn::StoreU(op(s, hn::LoadU(d, b + i)), d, a + i);
    } else {
      const float* HWY_RESTRICT c = pointer<float>(args, 2);
      hn::StoreU(op(s, hn::LoadU(d, b + i), hn::LoadU(d, c + i)), d, a + i);
    }
  }
}

template <int kReads, class Op>
void map(const Args& args, Team team, Op op) {
  const Range range = share(args.n[0], 16, team);
  int64_t i = range.begin;
  map_part<kReads>(hn::ScalableTag<float>(), args, i, range.end, op);
  map_part<kReads>(hn::CappedTag<float, 1>(), args, i, range.end, op);
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

// SPDX-License-Identifier: Apache-2.0
// sum ^= a[i] over n[0] bytes, as `read` but with n[2] streams (1, 2, 4 or 8) a thread and software
// prefetches n[3] bytes ahead (0: none). 4 bytes a word, no flops.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/saturation/saturation.cpu.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backends/cpu/kernel.h"
#include "benches/bandwidth/fold-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kWordsPerLine = 16;

template <int kStreams, bool kPrefetch>
uint32_t fold_streams(const uint32_t* data, int64_t words, int64_t ahead_words) {
  const hn::CappedTag<uint32_t, 16> d;
  const int64_t lanes = hn::Lanes(d);
  const int64_t part = words / kStreams / kWordsPerLine * kWordsPerLine;
  auto even = hn::Zero(d);
  auto odd = hn::Zero(d);
  for (int64_t i = 0; i < part; i += kWordsPerLine) {
    for (int64_t stream = 0; stream < kStreams; ++stream) {
      const uint32_t* line = data + stream * part + i;
      if constexpr (kPrefetch) hwy::Prefetch(line + ahead_words);
      auto& sum = stream % 2 == 0 ? even : odd;
      for (int64_t j = 0; j < kWordsPerLine; j += lanes) {
        sum = hn::Xor(sum, hn::LoadU(d, line + j));
      }
    }
  }
  uint32_t sum = xor_lanes(d, hn::Xor(even, odd));
  for (int64_t i = kStreams * part; i < words; ++i) sum ^= data[i];
  return sum;
}

template <int kStreams>
uint32_t fold_ahead(const uint32_t* data, int64_t words, int64_t ahead_words) {
  return ahead_words > 0 ? fold_streams<kStreams, true>(data, words, ahead_words)
                         : fold_streams<kStreams, false>(data, words, 0);
}

void Saturation(const Args& args, Team team) {
  const Range range = share(args.n[0] / 4, kWordsPerLine, team);
  const uint32_t* data = pointer<uint32_t>(args, 0) + range.begin;
  const int64_t words = range.end - range.begin;
  const int64_t ahead_words = args.n[3] / 4;
  uint32_t& slot = pointer<uint32_t>(args, 1)[team.thread * kWordsPerLine % args.n[1]];
  if (args.n[2] == 1) slot ^= fold_ahead<1>(data, words, ahead_words);
  if (args.n[2] == 2) slot ^= fold_ahead<2>(data, words, ahead_words);
  if (args.n[2] == 4) slot ^= fold_ahead<4>(data, words, ahead_words);
  if (args.n[2] == 8) slot ^= fold_ahead<8>(data, words, ahead_words);
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(Saturation);
MEMBOUND_CPU_KERNEL("saturation/f32", Saturation);
}  // namespace membound::cpu
#endif

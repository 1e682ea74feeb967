// SPDX-License-Identifier: Apache-2.0
// sum ^= a[i]; 4 bytes a word and no flops: the floor is bytes / bandwidth.
// Each thread reads its share as two streams: two prefetcher trains keep more lines in flight than
// one, and prefetching some lines ahead carries them over page boundaries.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/read/read.cpu.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backends/cpu/kernel.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kWordsPerLine = 16;
constexpr int64_t kLines = 2;            // of each stream in one turn
constexpr int64_t kAheadWords = 8 * 16;  // 512 bytes

// XOR of [begin, end), whole turns of both halves; returns what is left through `rest`.
template <class D>
uint32_t fold_streams(D d, const uint32_t* begin, int64_t words, const uint32_t** rest) {
  using V = hn::Vec<D>;
  constexpr int64_t kTurn = kLines * kWordsPerLine;
  const int64_t half = words / 2 / kTurn * kTurn;
  const uint32_t* second = begin + half;
  const int64_t lanes = hn::Lanes(d);
  V a = hn::Zero(d), b = hn::Zero(d), e = hn::Zero(d), f = hn::Zero(d);
  for (int64_t i = 0; i < half; i += kTurn) {
    for (int64_t line = 0; line < kTurn; line += kWordsPerLine) {
      hwy::Prefetch(begin + i + line + kAheadWords);
      hwy::Prefetch(second + i + line + kAheadWords);
    }
    for (int64_t j = 0; j < kTurn; j += 2 * lanes) {
      a = hn::Xor(a, hn::LoadU(d, begin + i + j));
      b = hn::Xor(b, hn::LoadU(d, second + i + j));
      e = hn::Xor(e, hn::LoadU(d, begin + i + j + lanes));
      f = hn::Xor(f, hn::LoadU(d, second + i + j + lanes));
    }
  }
  *rest = second + half;
  HWY_ALIGN uint32_t parts[16];
  hn::Store(hn::Xor(hn::Xor(a, b), hn::Xor(e, f)), d, parts);
  uint32_t sum = 0;
  for (int64_t i = 0; i < lanes; ++i) sum ^= parts[i];
  return sum;
}

void Read(const Args& args, Team team) {
  const uint32_t* data = pointer<uint32_t>(args, 0);
  const Range range = share(args.n[0] / 4, kWordsPerLine, team);
  const uint32_t* rest = nullptr;
  const hn::CappedTag<uint32_t, 16> d;
  uint32_t sum = fold_streams(d, data + range.begin, range.end - range.begin, &rest);
  for (; rest < data + range.end; ++rest) sum ^= *rest;
  // A line of its own, so that threads don't fight for one.
  pointer<uint32_t>(args, 1)[team.thread * kWordsPerLine % args.n[1]] ^= sum;
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(Read);
MEMBOUND_CPU_KERNEL("read/f32", Read);
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// sum ^= a[i]; 4 bytes a word and no flops: the floor is bytes / bandwidth.
// Each thread reads its share as two streams: two prefetcher trains keep more lines in flight than
// one, and prefetching some lines ahead carries them over page boundaries.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/read/read.cpu.cpp"
#include <hwy/aligned_allocator.h>
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "backends/cpu/kernel.h"
#include "benches/bandwidth/fold-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kWordsPerLine = 16;
constexpr int64_t kLines = 2;                 // of each stream in one turn
constexpr int64_t kAheadWords = 8 * 16;       // 512 bytes
constexpr int64_t kFarAheadWords = 40 * 16;   // 2560 bytes
constexpr int64_t kPacedWords = 1024 * 1024;  // 4 MiB a thread

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
  return xor_lanes(d, hn::Xor(hn::Xor(a, b), hn::Xor(e, f)));
}

// Zeros that the core finds in its L2: too many for the L1 to keep beside what streams through it.
class Zeros {
 public:
  Zeros() : words_(hwy::AllocateAligned<uint32_t>(kWords)) {
    std::fill(words_.get(), words_.get() + kWords, 0u);
  }
  const uint32_t* at(int64_t word) const { return words_.get() + word % kWords; }

 private:
  static constexpr size_t kWords = 8192;  // 32 KiB
  hwy::AlignedFreeUniquePtr<uint32_t[]> words_;
};

// As fold_streams() for shares that the L2 can't hold, paced by two lines from there for each two
// of the streams. Found by trial on Sapphire Rapids: 1.01 to 1.12 times the rate of fold_streams(),
// and this loop without the pace stays at 0.9 of it. No counter told why.
template <class D>
uint32_t fold_paced(D d, const uint32_t* begin, int64_t words, const uint32_t** rest) {
  static thread_local const Zeros zeros;
  const int64_t half = words / 2 / kWordsPerLine * kWordsPerLine;
  const uint32_t* second = begin + half;
  const int64_t lanes = hn::Lanes(d);
  auto a = hn::Zero(d), b = hn::Zero(d);
  for (int64_t i = 0; i < half; i += kWordsPerLine) {
    hwy::Prefetch(begin + i + kFarAheadWords);
    hwy::Prefetch(second + i + kFarAheadWords);
    const uint32_t* pace = zeros.at(2 * i);
    for (int64_t j = 0; j < kWordsPerLine; j += lanes) {
      a = hn::Xor(hn::Xor(a, hn::LoadU(d, begin + i + j)), hn::LoadU(d, pace + j));
      b = hn::Xor(hn::Xor(b, hn::LoadU(d, second + i + j)), hn::LoadU(d, pace + kWordsPerLine + j));
    }
  }
  *rest = second + half;
  return xor_lanes(d, hn::Xor(a, b));
}

void Read(const Args& args, Team team) {
  const uint32_t* data = pointer<uint32_t>(args, 0);
  const Range range = share(args.n[0] / 4, kWordsPerLine, team);
  const uint32_t* rest = nullptr;
  const hn::CappedTag<uint32_t, 16> d;
  const int64_t words = range.end - range.begin;
  uint32_t sum = words >= kPacedWords ? fold_paced(d, data + range.begin, words, &rest)
                                      : fold_streams(d, data + range.begin, words, &rest);
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

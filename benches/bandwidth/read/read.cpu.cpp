// SPDX-License-Identifier: Apache-2.0
// sum ^= a[i]; 4 bytes a word and no flops: the floor is bytes / bandwidth.
// Each thread reads its share as several streams: more prefetcher trains keep more lines in flight
// than one. On Intel's cores prefetching some lines ahead carries them over page boundaries.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/read/read.cpu.cpp"
#include <hwy/aligned_allocator.h>
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "backends/cpu/isa.h"
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

// XOR of `words` words in whole turns of all streams; returns what is left through `rest`.
template <int kStreams, int64_t kAhead, class D>
uint32_t fold_streams(D d, const uint32_t* begin, int64_t words, const uint32_t** rest) {
  constexpr int64_t kTurn = kLines * kWordsPerLine;
  const int64_t part = words / kStreams / kTurn * kTurn;
  const int64_t lanes = hn::Lanes(d);
  auto even = hn::Zero(d), odd = hn::Zero(d);
  for (int64_t i = 0; i < part; i += kTurn) {
    for (int64_t stream = 0; stream < kStreams; ++stream) {
      const uint32_t* line = begin + stream * part + i;
      if constexpr (kAhead > 0) {
        for (int64_t j = 0; j < kTurn; j += kWordsPerLine) hwy::Prefetch(line + j + kAhead);
      }
      for (int64_t j = 0; j < kTurn; j += 2 * lanes) {
        even = hn::Xor(even, hn::LoadU(d, line + j));
        odd = hn::Xor(odd, hn::LoadU(d, line + j + lanes));
      }
    }
  }
  *rest = begin + kStreams * part;
  return xor_lanes(d, hn::Xor(even, odd));
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
// and this loop without the pace stays at 0.9 of it. No counter told why. On Zen 5 it has 0.9 of
// the rate of four streams.
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
  const auto fold = !is_intel()            ? fold_streams<4, 0, decltype(d)>
                    : words >= kPacedWords ? fold_paced<decltype(d)>
                                           : fold_streams<2, kAheadWords, decltype(d)>;
  uint32_t sum = fold(d, data + range.begin, words, &rest);
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

// SPDX-License-Identifier: Apache-2.0
// A cold stream with a chosen number of multiply-adds for each vector read; see turn.h.
// buffer 0 data, 1 SweepResult of each part; n: 0 bytes, 1 parts, 2 flops per KiB; scalar: 0 a, 1
// b. Bytes are whole turns of each part. Reads go as in bandwidth/read: two streams, prefetched
// eight lines ahead. The twelve chains are named one by one: GCC up to 14 puts arrays of vectors in
// memory.
#include <bit>
#include <cstring>

#include "benches/intensity/sweep/turn.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/intensity/sweep/sweep.cpu.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backends/cpu/kernel.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;
using Words = hn::Vec<hn::RebindToUnsigned<Tag>>;

constexpr int64_t kWordsPerLine = 16;
constexpr int64_t kAheadWords = 8 * kWordsPerLine;
constexpr int64_t kUnrolled = 32;  // rounds of multiply-adds in one body: fits the micro-op cache

#define MEMBOUND_EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define MEMBOUND_PARAMETERS                                                                       \
  Vector &v0, Vector &v1, Vector &v2, Vector &v3, Vector &v4, Vector &v5, Vector &v6, Vector &v7, \
      Vector &v8, Vector &v9, Vector &v10, Vector &v11
#define MEMBOUND_CHAINS v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11

// v = v * a + b on all chains, kRounds times, written out.
template <int64_t kRounds>
HWY_INLINE void unrolled(MEMBOUND_PARAMETERS, Vector a, Vector b) {
  if constexpr (kRounds > 0) {
#define MEMBOUND_STEP(i) v##i = hn::MulAdd(v##i, a, b);
    MEMBOUND_EACH(MEMBOUND_STEP)
#undef MEMBOUND_STEP
    unrolled<kRounds - 1>(MEMBOUND_CHAINS, a, b);
  }
}

template <int64_t kRounds>
HWY_INLINE void rounds(MEMBOUND_PARAMETERS, Vector a, Vector b) {
  if constexpr (kRounds >= kUnrolled) {
    for (int64_t i = 0; i < kRounds / kUnrolled; ++i) unrolled<kUnrolled>(MEMBOUND_CHAINS, a, b);
  }
  unrolled<kRounds % kUnrolled>(MEMBOUND_CHAINS, a, b);
}

// Vector `j` of a stream at `data`, into its chain or, where it is not taken, into the sum.
template <bool kTaken>
HWY_INLINE void take(const float *data, int64_t j, Vector a, Vector &v, Words &folded) {
  const Tag d;
  const int64_t word = j * static_cast<int64_t>(hn::Lanes(d));
  if (word % kWordsPerLine == 0) hwy::Prefetch(data + word + kAheadWords);
  const Vector read = hn::LoadU(d, data + word);
  if constexpr (kTaken) {
    v = hn::MulAdd(v, a, read);
  } else {
    folded = hn::Xor(folded, hn::BitCast(hn::RebindToUnsigned<Tag>(), read));
  }
}

template <int64_t kFlopsPerKib>
void part(const Args &args, int64_t index) {
  const Tag d;
  constexpr bool kAll = kFlopsPerKib >= kSweepOneFma;
  constexpr int64_t kEvery = kAll ? 1 : kSweepOneFma / kFlopsPerKib / 2;  // of the first stream
  constexpr int64_t kMore = kAll ? kFlopsPerKib / kSweepOneFma - 1 : 0;
  const int64_t words = args.n[0] / args.n[1] / 4;
  const float *first = pointer<float>(args, 0) + index * words;
  const float *second = first + words / 2;
  const int64_t turn = kSweepChains * static_cast<int64_t>(hn::Lanes(d));
  const Vector a = hn::Set(d, static_cast<float>(args.scalar[0]));
  const Vector b = hn::Set(d, static_cast<float>(args.scalar[1]));
  Words folded0 = hn::Zero(hn::RebindToUnsigned<Tag>());
  Words folded1 = folded0;
#define MEMBOUND_ZERO(i) Vector v##i = hn::Zero(d);
#define MEMBOUND_FIRST(i) take<i % kEvery == 0>(first, i, a, v##i, folded0);
#define MEMBOUND_SECOND(i) take<kAll>(second, i, a, v##i, folded1);
#define MEMBOUND_STORE(i) hn::StoreU(v##i, d, result->chain[i]);
  MEMBOUND_EACH(MEMBOUND_ZERO)
  for (const float *end = second; first < end; first += turn, second += turn) {
    MEMBOUND_EACH(MEMBOUND_FIRST)
    rounds<kMore>(MEMBOUND_CHAINS, a, b);
    MEMBOUND_EACH(MEMBOUND_SECOND)
    rounds<kMore>(MEMBOUND_CHAINS, a, b);
  }
  SweepResult *result = pointer<SweepResult>(args, 1) + index;
  MEMBOUND_EACH(MEMBOUND_STORE)
#undef MEMBOUND_ZERO
#undef MEMBOUND_FIRST
#undef MEMBOUND_SECOND
#undef MEMBOUND_STORE
  HWY_ALIGN uint32_t parts[16];
  hn::Store(hn::Xor(folded0, folded1), hn::RebindToUnsigned<Tag>(), parts);
  result->folded = 0;
  result->lanes = static_cast<uint32_t>(hn::Lanes(d));
  for (uint32_t i = 0; i < result->lanes; ++i) result->folded ^= parts[i];
}

// The instance for n[2] flops per KiB, a power of two.
template <int64_t kFlopsPerKib>
void choose(const Args &args, int64_t index) {
  if constexpr (kFlopsPerKib > kSweepMost) {
    return;
  } else if (args.n[2] == kFlopsPerKib) {
    part<kFlopsPerKib>(args, index);
  } else {
    choose<2 * kFlopsPerKib>(args, index);
  }
}

void Sweep(const Args &args, Team team) {
  const Range range = share(args.n[1], 1, team);
  for (int64_t index = range.begin; index < range.end; ++index) choose<kSweepLeast>(args, index);
}

#undef MEMBOUND_EACH
#undef MEMBOUND_PARAMETERS
#undef MEMBOUND_CHAINS

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(Sweep);
MEMBOUND_CPU_KERNEL("sweep/f32", Sweep);
}  // namespace membound::cpu
#endif

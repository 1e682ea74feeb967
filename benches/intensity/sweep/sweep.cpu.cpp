// SPDX-License-Identifier: Apache-2.0
// A cold stream with a chosen number of multiply-adds for each vector read; see turn.h.
// buffer 0 data, 1 SweepResult of each part; n: 0 bytes, whole turns of each part, 1 parts, 2 flops
// per KiB; scalar: 0 a, 1 b.
// Two streams with prefetch, as in bandwidth/read; where arithmetic fills the window in which a
// core looks ahead, prefetching further ahead pays. The twelve chains are named one by one: GCC up
// to 14 puts arrays of vectors in memory.
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
using WordTag = hn::RebindToUnsigned<Tag>;
using Vector = hn::Vec<Tag>;
using Words = hn::Vec<WordTag>;
using Chain = Vector&;

constexpr int64_t kWordsPerLine = 16;

#define MEMBOUND_EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

// v = v * a + b on all chains, `count` times.
HWY_INLINE void rounds(int64_t count, Vector a, Vector b, Chain v0, Chain v1, Chain v2, Chain v3,
                       Chain v4, Chain v5, Chain v6, Chain v7, Chain v8, Chain v9, Chain v10,
                       Chain v11) {
#define MEMBOUND_STEP(i) v##i = hn::MulAdd(v##i, a, b);
  for (int64_t i = 0; i < count; ++i) {
    MEMBOUND_EACH(MEMBOUND_STEP)
  }
#undef MEMBOUND_STEP
}

// Vector `j` of a stream at `data`, into its chain or, where it is not taken, into the sum.
template <bool kTaken>
HWY_INLINE void take(const float* data, int64_t j, int64_t ahead_words, Vector a, Chain v,
                     Words& folded) {
  const Tag d;
  const int64_t word = j * static_cast<int64_t>(hn::Lanes(d));
  if (word % kWordsPerLine == 0) hwy::Prefetch(data + word + ahead_words);
  const Vector read = hn::LoadU(d, data + word);
  if constexpr (kTaken) {
    v = hn::MulAdd(v, a, read);
  } else {
    folded = hn::Xor(folded, hn::BitCast(WordTag(), read));
  }
}

// kEvery: of so many vectors one is taken.
template <int64_t kEvery>
void part(const Args& args, int64_t index) {
  const Tag d;
  constexpr bool kAll = kEvery == 1;
  constexpr int64_t kEveryOfFirst = kAll ? 1 : kEvery / 2;
  const int64_t words = args.n[0] / args.n[1] / 4;
  const float* first = pointer<float>(args, 0) + index * words;
  const float* second = first + words / 2;
  const int64_t turn = kSweepChains * static_cast<int64_t>(hn::Lanes(d));
  const int64_t ahead = (args.n[2] > 2 * kSweepOneFma ? 16 : 8) * kWordsPerLine;
  const int64_t more[] = {sweep_rounds(args.n[2], 0), sweep_rounds(args.n[2], 1),
                          sweep_rounds(args.n[2], 2), sweep_rounds(args.n[2], 3)};
  const Vector a = hn::Set(d, static_cast<float>(args.scalar[0]));
  const Vector b = hn::Set(d, static_cast<float>(args.scalar[1]));
  Words folded0 = hn::Zero(WordTag());
  Words folded1 = folded0;
#define MEMBOUND_ZERO(i) Vector v##i = hn::Zero(d);
#define MEMBOUND_PAIR(i)                                           \
  take<i % kEveryOfFirst == 0>(first, i, ahead, a, v##i, folded0); \
  take<kAll>(second, i, ahead, a, v##i, folded1);
#define MEMBOUND_GROUP(g, i, j, k)                      \
  MEMBOUND_PAIR(i)                                      \
  MEMBOUND_PAIR(j) MEMBOUND_PAIR(k) if constexpr (kAll) \
      rounds(more[g], a, b, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11);
#define MEMBOUND_STORE(i) hn::StoreU(v##i, d, result->chain[i]);
  MEMBOUND_EACH(MEMBOUND_ZERO)
  for (const float* end = second; first < end; first += turn, second += turn) {
    MEMBOUND_GROUP(0, 0, 1, 2)
    MEMBOUND_GROUP(1, 3, 4, 5)
    MEMBOUND_GROUP(2, 6, 7, 8)
    MEMBOUND_GROUP(3, 9, 10, 11)
  }
  SweepResult* result = pointer<SweepResult>(args, 1) + index;
  MEMBOUND_EACH(MEMBOUND_STORE)
#undef MEMBOUND_ZERO
#undef MEMBOUND_PAIR
#undef MEMBOUND_GROUP
#undef MEMBOUND_STORE
  HWY_ALIGN uint32_t folded[16];
  hn::Store(hn::Xor(folded0, folded1), WordTag(), folded);
  result->folded = 0;
  result->lanes = static_cast<uint32_t>(hn::Lanes(d));
  for (uint32_t i = 0; i < result->lanes; ++i) result->folded ^= folded[i];
}

void Sweep(const Args& args, Team team) {
  const int64_t every = sweep_every(args.n[2]);
  const Range range = share(args.n[1], 1, team);
  for (int64_t index = range.begin; index < range.end; ++index) {
    if (every == 1) part<1>(args, index);
    if (every == 2) part<2>(args, index);
    if (every == 4) part<4>(args, index);
    if (every == 8) part<8>(args, index);
  }
}

#undef MEMBOUND_EACH

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(Sweep);
MEMBOUND_CPU_KERNEL("sweep/f32", Sweep);
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// The loop of a stream kernel on the CPU, compiled once for each target of Highway.
//
// A thread goes through its share as one or more streams side by side, each a contiguous part: more
// streams keep more lines in flight, until pages and line buffers run short. On Intel's cores
// software prefetches carry the loads over page boundaries, and before ordinary stores they fetch
// the lines early.
#if defined(MEMBOUND_STREAM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMBOUND_STREAM_INL_H
#undef MEMBOUND_STREAM_INL_H
#else
#define MEMBOUND_STREAM_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "backends/cpu/isa.h"
#include "backends/cpu/kernel.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Found by trial on Sapphire Rapids; the best are flat within a few per cent. On Zen 5 the streams
// are as good, and prefetches cost loads beside non-temporal stores 5 to 10 %.
template <int kReads, bool kNt>
struct Tuning {
  static constexpr int kStreams = kNt ? (kReads == 2 ? 1 : 2) : (kReads == 0 ? 4 : 2);
  static constexpr int kLines = kNt ? 4 : 2;  // of each stream in one turn
  static constexpr int kLoadAheadBytes = 512;
  static constexpr int kStoreAheadBytes = kNt ? 0 : 1024;
};

// Always inlined: GCC 12 takes a function that only prefetches for one without effect, and drops
// the call.
template <typename T>
HWY_INLINE void prefetch(const T* p, int64_t ahead_bytes) {
  hwy::Prefetch(reinterpret_cast<const char*>(p) + ahead_bytes);
}

template <typename T>
HWY_INLINE void prefetch_for_store(T* p, int64_t ahead_bytes) {
  __builtin_prefetch(reinterpret_cast<char*>(p) + ahead_bytes, 1);
}

// One vector; operands that the kernel has not are `s`.
template <int kReads, bool kNt, class D, class V, typename T, class Op>
HWY_INLINE void element(D d, V s, T* a, const T* b, const T* c, Op op) {
  V x = s;
  if constexpr (kReads == 0) x = op(s, s, s);
  if constexpr (kReads == 1) x = op(s, hn::LoadU(d, b), s);
  if constexpr (kReads == 2) x = op(s, hn::LoadU(d, b), hn::LoadU(d, c));
  if constexpr (kNt) {
    hn::Stream(x, d, a);
  } else {
    hn::StoreU(x, d, a);
  }
}

// All streams, `part` elements each, whole turns.
template <int kReads, bool kNt, bool kPrefetch, class D, class V, typename T, class Op>
HWY_INLINE void turns(D d, V s, T* a, const T* b, const T* c, int64_t part, Op op) {
  using Tuned = Tuning<kReads, kNt>;
  constexpr int64_t kLine = 64 / sizeof(T);
  constexpr int64_t kTurn = Tuned::kLines * kLine;
  const int64_t lanes = hn::Lanes(d);
  for (int64_t turn = 0; turn < part; turn += kTurn) {
    for (int64_t i = turn; i < turn + kTurn; i += kLine) {
      for (int64_t j = i; j < i + Tuned::kStreams * part; j += part) {
        if constexpr (kPrefetch && kReads > 0) prefetch(b + j, Tuned::kLoadAheadBytes);
        if constexpr (kPrefetch && kReads > 1) prefetch(c + j, Tuned::kLoadAheadBytes);
        if constexpr (kPrefetch && !kNt) prefetch_for_store(a + j, Tuned::kStoreAheadBytes);
      }
      for (int64_t j = i; j < i + Tuned::kStreams * part; j += part) {
        // Whole lines, or the processor's buffers for them go out half full.
        for (int64_t k = j; k < j + kLine; k += lanes) {
          element<kReads, kNt>(d, s, a + k, b + k, c + k, op);
        }
      }
    }
  }
}

// a[i] = op(s, b[i], c[i]) for this thread's share of n[0] elements, s is scalar[0]. Buffers 0, 1,
// 2 are a, b, c; a begins on a cache line; b may be a.
template <typename T, int kReads, bool kNt, class Op>
void map(const Args& args, Team team, Op op) {
  using Tuned = Tuning<kReads, kNt>;
  constexpr int64_t kLine = 64 / sizeof(T);
  constexpr int64_t kTurn = Tuned::kLines * kLine;
  const hn::CappedTag<T, kLine> d;
  const hn::CappedTag<T, 1> one;
  const Range range = share(args.n[0], kLine, team);
  const int64_t count = range.end - range.begin;
  T* a = pointer<T>(args, 0) + range.begin;
  const T* b = kReads > 0 ? pointer<const T>(args, 1) + range.begin : a;
  const T* c = kReads > 1 ? pointer<const T>(args, 2) + range.begin : a;
  const auto s = hn::Set(d, static_cast<T>(args.scalar[0]));
  const int64_t part = count / Tuned::kStreams / kTurn * kTurn;
  if (is_intel()) {
    turns<kReads, kNt, true>(d, s, a, b, c, part, op);
  } else {
    turns<kReads, kNt, false>(d, s, a, b, c, part, op);
  }

  int64_t i = Tuned::kStreams * part;
  const int64_t lanes = hn::Lanes(d);
  for (; i + lanes <= count; i += lanes) element<kReads, false>(d, s, a + i, b + i, c + i, op);
  const auto s1 = hn::Set(one, static_cast<T>(args.scalar[0]));
  for (; i < count; ++i) element<kReads, false>(one, s1, a + i, b + i, c + i, op);
  // Non-temporal stores are not done before this says so.
  if constexpr (kNt) hwy::FlushStream();
}

// sum += f(b[i], c[i]) by join(b, c, sum); four partial sums a vector lane.
template <typename T, class Join>
HWY_INLINE void sum_stream(const Args& args, Team team, Join join) {
  constexpr int64_t kLine = 64 / sizeof(T);
  const hn::CappedTag<T, kLine> d;
  const int64_t lanes = hn::Lanes(d);
  const T *b = pointer<const T>(args, 1), *c = pointer<const T>(args, 2);
  const Range range = share(args.n[0], kLine, team);
  auto v0 = hn::Zero(d), v1 = v0, v2 = v0, v3 = v0;
  int64_t i = range.begin;
  for (; i + 4 * kLine <= range.end; i += 4 * kLine) {
    for (int64_t j = i; j < i + 4 * kLine; j += kLine) {
      prefetch(b + j, 512), prefetch(c + j, 512);
    }
    for (int64_t j = i; j < i + 4 * kLine; j += 4 * lanes) {
      v0 = join(hn::LoadU(d, b + j), hn::LoadU(d, c + j), v0);
      v1 = join(hn::LoadU(d, b + j + lanes), hn::LoadU(d, c + j + lanes), v1);
      v2 = join(hn::LoadU(d, b + j + 2 * lanes), hn::LoadU(d, c + j + 2 * lanes), v2);
      v3 = join(hn::LoadU(d, b + j + 3 * lanes), hn::LoadU(d, c + j + 3 * lanes), v3);
    }
  }
  T sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(v0, v1), hn::Add(v2, v3))));
  const hn::CappedTag<T, 1> one;
  auto rest = hn::Set(one, sum);
  for (; i < range.end; ++i) rest = join(hn::LoadU(one, b + i), hn::LoadU(one, c + i), rest);
  sum = hn::GetLane(rest);
  pointer<T>(args, 0)[team.thread * kLine % args.n[1]] += sum;
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

// NameF32, NameF32Nt, NameF64 and NameF64Nt, each a[i] = expression of s, b and c; `reads` is how
// many of b and c it has.
#define MEMBOUND_STREAM(name, reads, expression)                \
  MEMBOUND_STREAM_(name##F32, float, reads, false, expression)  \
  MEMBOUND_STREAM_(name##F32Nt, float, reads, true, expression) \
  MEMBOUND_STREAM_(name##F64, double, reads, false, expression) \
  MEMBOUND_STREAM_(name##F64Nt, double, reads, true, expression)

#define MEMBOUND_STREAM_(function, type, reads, nt, expression)                        \
  HWY_MAYBE_UNUSED static void function(const Args& args, Team team) {                 \
    map<type, reads, nt>(args, team,                                                   \
                         []([[maybe_unused]] auto s, [[maybe_unused]] auto b,          \
                            [[maybe_unused]] auto c) HWY_ATTR { return expression; }); \
  }

// Puts one of them in the table, once, outside the targets' namespaces.
#define MEMBOUND_STREAM_KERNEL(name, function) \
  HWY_EXPORT(function);                        \
  MEMBOUND_CPU_KERNEL(name, function)
#endif

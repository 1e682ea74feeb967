// SPDX-License-Identifier: Apache-2.0
// Attention of the newest t tokens of each sequence over its KV cache.
// Buffers: 0 qkv f32 [B * t][(nq + 2 nkv) * d], 1 K cache, 2 V cache, 3 StepState, 4 out f32
// [B * t][nq * d], 5 scratch (scratch.h). Sizes: B, t, nq, nkv, d, capacity, splits (of a context
// among threads; only for t = 1). Scalar: scale.
//
//   for (r = 0; r < B * t; ++r)
//     for (h = 0; h < nq; ++h) {
//       context = state.position + r % t - (t - 1) + 1;  // k, v: of kv head h / (nq / nkv)
//       for (j = 0; j < context; ++j) p[j] = exp(scale * dot(q[r][h], k[j]));
//       for (i = 0; i < d; ++i) out[r][h][i] = sum of p[j] * v[j][i] / sum of p[j];
//     }
//
// Fewest bytes: B * context * 2 * nkv * d of the cache; flops: 4 * nq * d for each pair of a row
// and a position. The softmax is online: the maximum so far is subtracted, and what was summed
// before is rescaled when it grows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/inference/attention/attention.cpu.cpp"
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "hwy/foreach_target.h"
// Keep the order: what follows needs what foreach_target.h sets up.
#include "backends/cpu/kernel.h"
#include "benches/inference/attention/chunk-inl.h"
#include "benches/inference/attention/kv_cache.h"
#include "benches/inference/attention/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

// A row's query heads of one kv head, of several rows in prefill, meet each piece of the cache
// together. The thread's scratch, all in units of floats:
struct Queries {
  int64_t count, d, padded;  // `padded`: d rounded up to whole steps of values
  float* q;                  // [count][d], scaled so that a position's weight is 2^score
  float* acc;                // [count][padded], in the order of load_values
  float* score;              // [count][kChunk]
  float* most;               // [count] maximum so far
  float* shrink;             // [count] factor for what was summed before this chunk
  float* total;              // [count][kLanes] sums of exponentials, lane by lane
  int64_t* limit;            // [count] positions that each may see
};

Queries reserve(int64_t count, int64_t d) {
  static thread_local Scratch scratch;
  const int64_t padded = (d + kValueStep - 1) / kValueStep * kValueStep;
  float* p = scratch.reserve(count * (d + padded + kChunk + 2 + kLanes + 2) + 64);
  Queries s = {count, d, padded, nullptr, p, nullptr, nullptr, nullptr, nullptr, nullptr};
  s.score = s.acc + count * padded;
  s.total = s.score + count * kChunk;
  s.limit = reinterpret_cast<int64_t*>(s.total + (count * kLanes + 1) / 2 * 2);
  s.q = reinterpret_cast<float*>(s.limit + count);
  s.most = s.q + count * d;
  s.shrink = s.most + count;
  std::fill(s.acc, s.acc + count * padded, 0.0f);
  std::fill(s.total, s.total + count * kLanes, 0.0f);
  std::fill(s.most, s.most + count, -std::numeric_limits<float>::infinity());
  return s;
}

void set_query(const Queries& s, int64_t index, const float* q, float scale, int64_t limit) {
  float* out = s.q + index * s.d;
  int64_t i = 0;
  for (; i + kLanes <= s.d; i += kLanes) {
    hn::StoreU(hn::Mul(load(q + i), hn::Set(Floats(), scale)), Floats(), out + i);
  }
  for (; i < s.d; ++i) out[i] = q[i] * scale;
  s.limit[index] = limit;
}

// 2^x for x <= 0, to 1e-7 of it; what is below 2^-125 becomes that. A polynomial over half a power
// to either side of a whole one, which is added to the exponent.
HWY_INLINE Vector exp2(Vector x) {
  const Floats f;
  const hn::RebindToSigned<Floats> integers;
  x = hn::Max(hn::Set(f, -125.0f), x);
  const Vector whole = hn::Round(x), part = hn::Sub(x, whole);
  Vector sum = hn::Set(f, 1.3264727e-3f);
  for (const float factor : {9.6715130e-3f, 5.5507336e-2f, 2.4022242e-1f, 6.9314700e-1f, 1.0f}) {
    sum = hn::MulAdd(sum, part, hn::Set(f, factor));
  }
  const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(integers, whole));
  return hn::BitCast(f, hn::Add(hn::BitCast(integers, sum), exponent));
}

// Turns the scores of a chunk into weights. The maximum seldom grows after the first chunks.
void exponentials(const Queries& s, int64_t index, int64_t begin, int64_t end) {
  const Floats d;
  float* score = s.score + index * kChunk;
  const int64_t seen = std::clamp<int64_t>(std::min(s.limit[index], end) - begin, 0, kChunk);
  std::fill(score + seen, score + kChunk, -std::numeric_limits<float>::infinity());
  Vector most = hn::Set(d, s.most[index]), total = hn::Load(d, s.total + index * kLanes);
  Vector highest = most;
  for (int64_t j = 0; j < kChunk; j += kLanes) highest = hn::Max(highest, hn::Load(d, score + j));
  s.shrink[index] = 1.0f;
  if (!hn::AllFalse(d, hn::Gt(highest, most))) {
    highest = hn::MaxOfLanes(d, highest);
    const Vector shrink = exp2(hn::Sub(most, highest));
    total = hn::Mul(total, shrink);
    most = highest;
    s.most[index] = hn::GetLane(most);
    s.shrink[index] = hn::GetLane(shrink);
  }
  for (int64_t j = 0; j < kChunk; j += kLanes) {
    const Vector e = exp2(hn::Sub(hn::Load(d, score + j), most));
    total = hn::Add(total, e);
    hn::Store(e, d, score + j);
  }
  hn::Store(total, d, s.total + index * kLanes);
}

// One pass over positions [begin, end) of a kv head; begin is a multiple of kCacheBlock. While
// keys are used values are fetched, and the next keys while values are: at the end the `next` ones.
template <typename T>
void pass(const Queries& s, const T* k, const T* v, int64_t begin, int64_t end, const T* next) {
  for (int64_t at = begin; at < end; at += kChunk) {
    const int64_t count = std::min(kChunk, end - at);
    score_chunk(s.q, k + at * s.d, v + at * s.d, s.d, s.count, count, s.score);
    for (int64_t i = 0; i < s.count; ++i) exponentials(s, i, at, at + count);
    sum_values(s.score, s.shrink, v + at * s.d, at + kChunk < end ? k + (at + kChunk) * s.d : next,
               s.d, s.count, count, s.acc, s.padded);
  }
}

// A query's sum of values times `factor`.
template <typename T>
void write_sum(const Queries& s, int64_t index, float factor, float* out) {
  const float* acc = s.acc + index * s.padded;
  if (s.d % kValueStep != 0) {
    for (int64_t i = 0; i < s.d; ++i) out[i] = acc[value_index<T>(i, s.d)] * factor;
    return;
  }
  const Floats d;
  for (int64_t i = 0; i < s.d; i += kValueStep) {
    const Vector a = hn::Mul(load(acc + i), hn::Set(d, factor));
    const Vector b = hn::Mul(load(acc + i + kLanes), hn::Set(d, factor));
    if constexpr (kInPairs<T>) {
      hn::StoreInterleaved2(a, b, d, out + i);
    } else {
      hn::StoreU(a, d, out + i);
      hn::StoreU(b, d, out + i + kLanes);
    }
  }
}

float sum_of(const Queries& s, int64_t index) {
  return sum_lanes(hn::Load(Floats(), s.total + index * kLanes));
}

struct Shape {
  int64_t sequences, tokens, nq, nkv, d, capacity, splits, group, row_stride, newest;
  explicit Shape(const Args& args)
      : sequences(args.n[0]),
        tokens(args.n[1]),
        nq(args.n[2]),
        nkv(args.n[3]),
        d(args.n[4]),
        capacity(args.n[5]),
        splits(args.n[1] > 1 ? 1 : std::max<int64_t>(1, args.n[6])),
        group(nq / nkv),
        row_stride((nq + 2 * nkv) * d),
        newest(pointer<StepState>(args, 3)->position) {}
};

// The last of the splits to arrive combines all of them.
void combine(const Shape& shape, const Args& args, int64_t sequence, int64_t kv_head) {
  const int64_t record = shape.d + 2;
  const float* parts = reinterpret_cast<const float*>(
      pointer<char>(args, 5) + attention_counter_bytes(shape.sequences, shape.nq));
  for (int64_t g = 0; g < shape.group; ++g) {
    const int64_t head = sequence * shape.nq + kv_head * shape.group + g;
    const float* part = parts + head * shape.splits * record;
    float* out = pointer<float>(args, 4) + head * shape.d;
    float most = part[0], total = 0.0f;
    for (int64_t i = 1; i < shape.splits; ++i) most = std::max(most, part[i * record]);
    std::fill(out, out + shape.d, 0.0f);
    for (int64_t i = 0; i < shape.splits; ++i) {
      const float weight = std::exp2(part[i * record] - most);
      total += weight * part[i * record + 1];
      for (int64_t j = 0; j < shape.d; ++j) out[j] += weight * part[i * record + 2 + j];
    }
    for (int64_t j = 0; j < shape.d; ++j) out[j] /= total;
  }
}

// Leaves the partial result of a split; true for the last of its kv head.
template <typename T>
bool leave_part(const Queries& s, const Shape& shape, const Args& args, int64_t unit) {
  char* scratch = pointer<char>(args, 5);
  float* parts =
      reinterpret_cast<float*>(scratch + attention_counter_bytes(shape.sequences, shape.nq));
  const int64_t split = unit % shape.splits, kv_head = unit / shape.splits;
  for (int64_t g = 0; g < s.count; ++g) {
    float* part = parts + ((kv_head * shape.group + g) * shape.splits + split) * (shape.d + 2);
    part[0] = s.most[g];
    part[1] = sum_of(s, g);
    write_sum<T>(s, g, 1.0f, part + 2);
  }
  std::atomic_ref<int32_t> arrived(reinterpret_cast<int32_t*>(scratch)[kv_head]);
  if (arrived.fetch_add(1, std::memory_order_acq_rel) != shape.splits - 1) return false;
  arrived.store(0, std::memory_order_relaxed);
  return true;
}

// What a unit reads: positions [begin, end) of one kv head of a sequence.
struct Part {
  Part(const Shape& shape, int64_t unit, int64_t context)
      : kv_head(unit / shape.splits % shape.nkv),
        sequence(unit / shape.splits / shape.nkv),
        base((sequence * shape.nkv + kv_head) * shape.capacity * shape.d) {
    const int64_t blocks = (context + kCacheBlock - 1) / kCacheBlock, split = unit % shape.splits;
    begin = blocks * split / shape.splits * kCacheBlock;
    end = std::min(context, blocks * (split + 1) / shape.splits * kCacheBlock);
  }
  int64_t kv_head, sequence;
  int64_t base;  // of the kv head in the cache, elements
  int64_t begin, end;
};

// Rows [first, first + rows) of a sequence with one kv head, whole or one split. `next` is the unit
// that this thread will take after this one, or the same at the end.
template <typename T>
void attend(const Shape& shape, const Args& args, int64_t unit, int64_t first, int64_t rows,
            int64_t next) {
  constexpr double kLog2E = 1.4426950408889634;
  const int64_t context = shape.newest - (shape.tokens - 1) + first + rows;
  const Part part(shape, unit, context), upcoming(shape, next, context);
  const int64_t row = part.sequence * shape.tokens + first;
  const Queries s = reserve(rows * shape.group, shape.d);
  for (int64_t i = 0; i < s.count; ++i) {
    const float* q = pointer<float>(args, 0) + (row + i / shape.group) * shape.row_stride +
                     (part.kv_head * shape.group + i % shape.group) * shape.d;
    set_query(s, i, q, static_cast<float>(args.scalar[0] * kLog2E),
              context - rows + i / shape.group + 1);
  }
  pass(s, pointer<T>(args, 1) + part.base, pointer<T>(args, 2) + part.base, part.begin, part.end,
       pointer<T>(args, 1) + upcoming.base + upcoming.begin * shape.d);
  if (shape.splits > 1) {
    if (leave_part<T>(s, shape, args, unit)) combine(shape, args, part.sequence, part.kv_head);
    return;
  }
  for (int64_t i = 0; i < s.count; ++i) {
    float* out = pointer<float>(args, 4) + ((row + i / shape.group) * shape.nq +
                                            part.kv_head * shape.group + i % shape.group) *
                                               shape.d;
    write_sum<T>(s, i, 1.0f / sum_of(s, i), out);
  }
}

template <typename T>
void attention(const Args& args, Team team) {
  const Shape shape(args);
  const int64_t units = shape.sequences * shape.nkv * shape.splits;
  if (shape.tokens == 1) {
    const Range mine = share(units, 1, team);
    for (int64_t i = mine.begin; i < mine.end; ++i) {
      attend<T>(shape, args, i, 0, 1, std::min(i + 1, mine.end - 1));
    }
    return;
  }
  // Later blocks of rows see more context: the threads take turns.
  const int64_t rows = std::max<int64_t>(1, kPrefillQueries / shape.group);
  const int64_t row_blocks = (shape.tokens + rows - 1) / rows;
  for (int64_t i = team.thread; i < units * row_blocks; i += team.threads) {
    const int64_t first = i / units * rows;
    attend<T>(shape, args, i % units, first, std::min(rows, shape.tokens - first),
              (i + team.threads) % units);
  }
}

void attention_bf16(const Args& args, Team team) { attention<uint16_t>(args, team); }
void attention_f16(const Args& args, Team team) { attention<Half>(args, team); }
void attention_f32(const Args& args, Team team) { attention<float>(args, team); }

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(attention_bf16);
HWY_EXPORT(attention_f16);
HWY_EXPORT(attention_f32);
MEMBOUND_CPU_KERNEL("attention/bf16", attention_bf16);
MEMBOUND_CPU_KERNEL("attention/f16", attention_f16);
MEMBOUND_CPU_KERNEL("attention/f32", attention_f32);
}  // namespace membound::cpu
#endif

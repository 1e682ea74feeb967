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
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

// A row's query heads of one kv head, of several rows in prefill, meet each piece of the cache
// together. The thread's scratch, all in units of floats:
struct Queries {
  int64_t count, d, padded;  // `padded`: d rounded up to whole steps of values
  float* q;                  // tiles of up to 8 queries, [d][queries of the tile]
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
  const int64_t first = tile_start(index, s.count), tile = tile_size(s.count - first);
  for (int64_t i = 0; i < s.d; ++i) s.q[first * s.d + i * tile + index - first] = q[i] * scale;
  s.limit[index] = limit;
}

// Turns the scores of a chunk into exponentials.
void exponentials(const Queries& s, int64_t index, int64_t begin, int64_t end) {
  const Floats d;
  float* score = s.score + index * kChunk;
  const int64_t seen = std::clamp<int64_t>(std::min(s.limit[index], end) - begin, 0, kChunk);
  std::fill(score + seen, score + kChunk, -std::numeric_limits<float>::infinity());
  Vector most = hn::Set(d, s.most[index]);
  for (int64_t j = 0; j < kChunk; j += kLanes) most = hn::Max(most, hn::Load(d, score + j));
  most = hn::MaxOfLanes(d, most);
  const Vector shrink = hn::Exp(d, hn::Sub(hn::Set(d, s.most[index]), most));
  Vector total = hn::Mul(hn::Load(d, s.total + index * kLanes), shrink);
  for (int64_t j = 0; j < kChunk; j += kLanes) {
    const Vector e = hn::Exp(d, hn::Sub(hn::Load(d, score + j), most));
    total = hn::Add(total, e);
    hn::Store(e, d, score + j);
  }
  hn::Store(total, d, s.total + index * kLanes);
  s.most[index] = hn::GetLane(most);
  s.shrink[index] = hn::GetLane(shrink);
}

// One pass over positions [begin, end) of a kv head; begin is a multiple of kCacheBlock. While
// keys are used values are fetched, and the next keys while values are.
template <typename T>
void pass(const Queries& s, const T* k, const T* v, int64_t begin, int64_t end) {
  for (int64_t at = begin; at < end; at += kChunk) {
    const int64_t count = std::min(kChunk, end - at);
    score_chunk(s.q, k + at * s.d, v + at * s.d, s.d, s.count, count, s.score);
    for (int64_t i = 0; i < s.count; ++i) exponentials(s, i, at, at + count);
    sum_values(s.score, s.shrink, v + at * s.d, k + (at + kChunk) * s.d, s.d, s.count, count, s.acc,
               s.padded);
  }
}

// Element i of a query's sum in `acc`.
template <typename T>
float value_of(const Queries& s, int64_t index, int64_t i) {
  return s.acc[index * s.padded + value_index<T>(i, s.d)];
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
      const float weight = std::exp(part[i * record] - most);
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
    for (int64_t i = 0; i < shape.d; ++i) part[2 + i] = value_of<T>(s, g, i);
  }
  std::atomic_ref<int32_t> arrived(reinterpret_cast<int32_t*>(scratch)[kv_head]);
  if (arrived.fetch_add(1, std::memory_order_acq_rel) != shape.splits - 1) return false;
  arrived.store(0, std::memory_order_relaxed);
  return true;
}

// Rows [first, first + rows) of a sequence with one kv head, whole or one split.
template <typename T>
void attend(const Shape& shape, const Args& args, int64_t unit, int64_t first, int64_t rows) {
  const int64_t kv_head = unit / shape.splits % shape.nkv;
  const int64_t sequence = unit / shape.splits / shape.nkv, row = sequence * shape.tokens + first;
  const Queries s = reserve(rows * shape.group, shape.d);
  for (int64_t i = 0; i < s.count; ++i) {
    const float* q = pointer<float>(args, 0) + (row + i / shape.group) * shape.row_stride +
                     (kv_head * shape.group + i % shape.group) * shape.d;
    set_query(s, i, q, static_cast<float>(args.scalar[0]),
              shape.newest - (shape.tokens - 1) + first + i / shape.group + 1);
  }
  const int64_t context = s.limit[s.count - 1], split = unit % shape.splits;
  const int64_t blocks = (context + kCacheBlock - 1) / kCacheBlock;
  const int64_t base = (sequence * shape.nkv + kv_head) * shape.capacity * shape.d;
  pass(s, pointer<T>(args, 1) + base, pointer<T>(args, 2) + base,
       blocks * split / shape.splits * kCacheBlock,
       std::min(context, blocks * (split + 1) / shape.splits * kCacheBlock));
  if (shape.splits > 1) {
    if (leave_part<T>(s, shape, args, unit)) combine(shape, args, sequence, kv_head);
    return;
  }
  for (int64_t i = 0; i < s.count; ++i) {
    float* out =
        pointer<float>(args, 4) +
        ((row + i / shape.group) * shape.nq + kv_head * shape.group + i % shape.group) * shape.d;
    const float total = sum_of(s, i);
    for (int64_t j = 0; j < shape.d; ++j) out[j] = value_of<T>(s, i, j) / total;
  }
}

template <typename T>
void attention(const Args& args, Team team) {
  const Shape shape(args);
  const int64_t units = shape.sequences * shape.nkv * shape.splits;
  if (shape.tokens == 1) {
    const Range mine = share(units, 1, team);
    for (int64_t i = mine.begin; i < mine.end; ++i) attend<T>(shape, args, i, 0, 1);
    return;
  }
  // Later blocks of rows see more context: the threads take turns.
  const int64_t rows = std::max<int64_t>(1, kPrefillQueries / shape.group);
  const int64_t row_blocks = (shape.tokens + rows - 1) / rows;
  for (int64_t i = team.thread; i < units * row_blocks; i += team.threads) {
    const int64_t first = i / units * rows;
    attend<T>(shape, args, i % units, first, std::min(rows, shape.tokens - first));
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

// SPDX-License-Identifier: Apache-2.0
// Attention of the newest t tokens of each sequence over its KV cache.
// Buffers: 0 qkv f32 [B * t][(nq + 2 nkv) * d], 1 K cache, 2 V cache, 3 StepState, 4 out f32
// [B * t][nq * d], 5 scratch (scratch.h). Sizes: B, t, nq, nkv, d, capacity, splits (of a context
// among blocks; only for t = 1). Scalar: scale.
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
// before is rescaled when it grows. Caches of 16 bits go through matrix units
// (unit_attention.gpu.h) where the head is whole steps of them, else this file's plain loops.
#include "benches/inference/attention/unit_attention.gpu.h"

namespace membound::gpu {
namespace {

constexpr int kThreads = 128;
constexpr int kChunk = 128;  // positions between two looks at the maximum

// Query heads of a group that meet a chunk of the cache together, of one row.
struct PlainHeads {
  float *q, *acc, *score;  // shared memory: [group][d], [group][d], [group][kChunk]
  float *most, *total;     // [group]

  __host__ __device__ static constexpr int64_t floats(int64_t group, int64_t d) {
    return group * (2 * d + kChunk + 2);
  }
  __device__ PlainHeads(void* memory, int64_t group, int64_t d)
      : q(static_cast<float*>(memory)),
        acc(q + group * d),
        score(acc + group * d),
        most(score + group * kChunk),
        total(most + group) {}
};

template <typename T>
__device__ void score_chunk(const Attention& a, const PlainHeads& s, const T* keys, int64_t begin,
                            int64_t end) {
  for (int64_t i = threadIdx.x; i < a.group() * kChunk; i += kThreads) {
    const int64_t g = i / kChunk, position = begin + i % kChunk;
    float sum = 0;
    if (position < end) {
      const T* key = keys + key_index(position, 0, a.d);
      for (int64_t e = 0; e < a.d; ++e) sum += s.q[g * a.d + e] * widen(key[e]);
    }
    s.score[i] = position < end ? sum : -INFINITY;
  }
}

// Scores to weights, a head after the other.
__device__ void weigh_chunk(const Attention& a, const PlainHeads& s) {
  __shared__ float slots[kThreads / 32];
  for (int64_t g = 0; g < a.group(); ++g) {
    float* score = s.score + g * kChunk;
    const float own = score[threadIdx.x], before = s.most[g];
    const float most = fmaxf(before, join_block<Max>(own, slots));
    const float weight = exp2f(own - most);
    const float sum = join_block<Sum>(weight, slots);
    score[threadIdx.x] = weight;
    const float factor = shrink(before, most);
    for (int64_t i = threadIdx.x; i < a.d; i += kThreads) s.acc[g * a.d + i] *= factor;
    __syncthreads();
    if (threadIdx.x == 0) {
      s.most[g] = most;
      s.total[g] = s.total[g] * factor + sum;
    }
  }
}

template <typename T>
__device__ void sum_values(const Attention& a, const PlainHeads& s, const T* values, int64_t begin,
                           int64_t end) {
  const int64_t count = end - begin < kChunk ? end - begin : kChunk;
  for (int64_t i = threadIdx.x; i < a.group() * a.d; i += kThreads) {
    const float* weight = s.score + i / a.d * kChunk;
    float sum = s.acc[i];
    for (int64_t j = 0; j < count; ++j) {
      sum += weight[j] * widen(values[value_index(begin + j, i % a.d, a.d)]);
    }
    s.acc[i] = sum;
  }
}

// A block: one row with one kv head, or a split of its context.
template <typename T>
__global__ void __launch_bounds__(kThreads) attend_plainly(Attention a) {
  MEMBOUND_DYNAMIC_SHARED(unsigned char, memory);
  let_next_start();
  wait_for_previous();
  const int64_t row = blockIdx.x / a.splits, split = blockIdx.x % a.splits, kv_head = blockIdx.y;
  const int64_t sequence = row / a.tokens, first = kv_head * a.group();
  const Span span = span_of(a.context(row % a.tokens), split, a.splits);
  const PlainHeads s(memory, a.group(), a.d);
  for (int64_t i = threadIdx.x; i < a.group() * a.d; i += kThreads) {
    s.q[i] = a.query(row, first)[i] * a.scale;
    s.acc[i] = 0;
  }
  for (int64_t g = threadIdx.x; g < a.group(); g += kThreads) {
    s.most[g] = -INFINITY;
    s.total[g] = 0;
  }
  __syncthreads();
  const T* keys = static_cast<const T*>(a.keys) + a.base(sequence, kv_head);
  const T* values = static_cast<const T*>(a.values) + a.base(sequence, kv_head);
  for (int64_t at = span.begin; at < span.end; at += kChunk) {
    score_chunk(a, s, keys, at, span.end);
    __syncthreads();
    weigh_chunk(a, s);
    __syncthreads();
    sum_values(a, s, values, at, span.end);
    __syncthreads();
  }
  for (int64_t i = threadIdx.x; i < a.group() * a.d; i += kThreads) {
    const int64_t g = i / a.d;
    if (a.splits == 1) {
      a.out[(row * a.nq + first) * a.d + i] = s.acc[i] / s.total[g];
      continue;
    }
    float* part = a.part(sequence, first + g, split);
    if (i % a.d == 0) {
      part[0] = s.most[g];
      part[1] = s.total[g];
    }
    part[2 + i % a.d] = s.acc[i];
  }
  if (a.splits == 1) return;
  if (!last_to_arrive(a.arrived + sequence * a.nkv + kv_head, a.splits)) return;
  combine_splits(a, sequence, first, a.group());
}

template <typename T>
void launch_attention(const Args& args, const Site& site) {
  const Attention a = attention_of(args);
  if constexpr (sizeof(T) == 2) {
    if (launch_unit_attention<T>(a, site)) return;
  }
  const dim3 blocks(static_cast<uint32_t>(a.sequences * a.tokens * a.splits),
                    static_cast<uint32_t>(a.nkv));
  const auto shared = static_cast<uint32_t>(4 * PlainHeads::floats(a.nq / a.nkv, a.d));
  launch_overlapped(attend_plainly<T>, Grid{blocks, kThreads, shared}, site, a);
}

const Registrar bf16("attention/bf16", launch_attention<Bf16>);
const Registrar f16("attention/f16", launch_attention<F16>);
const Registrar f32("attention/f32", launch_attention<float>);

}  // namespace
}  // namespace membound::gpu

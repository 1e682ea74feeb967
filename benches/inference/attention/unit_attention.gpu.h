// SPDX-License-Identifier: Apache-2.0
// Attention over caches of 16 bits on matrix units. Keys are a matrix of weights whose rows are
// positions, and values one whose rows are elements and whose k is positions (kv_cache.gpu.h): both
// go from memory to the units' registers by 16-byte loads, once for all queries of a group. Queries
// and weights of positions are two bf16 each, which leaves an error of 2^-17.
//
// A warp has a tile of queries and goes through positions by itself, 32 at a time: 8 KiB each of
// keys and values with heads of 128, half of which is on its way while the other is used. In decode
// the warps of a block share the positions, else they have queries each. For 8 queries that is some
// 150 instructions for 16 KiB, a tenth of what an SM could do in the time that its share of the
// memory's bandwidth takes.
#pragma once

#include "benches/inference/attention/shape.gpu.h"
#include "benches/inference/kernels/matrix_unit.gpu.h"

namespace membound::gpu {

inline constexpr int kAttentionThreads = 128;
inline constexpr int kAttentionUnits = kAttentionThreads / kUnitLanes;  // of a block
inline constexpr int kSpan = kUnitDepth;                                // positions of a step

// Tokens among a lane's sums: sum i is of token i % kSumTokens of them.
inline constexpr int kSumTokens = kUnitLanes == 32 ? 2 : 1;

// Over all lanes that hold sums of the same token.
template <typename Join>
__device__ float join_rows(float value) {
  for (int lanes = kUnitLanes == 32 ? 4 : 16; lanes < kUnitLanes; lanes *= 2) {
    value = Join()(value, shuffle_xor(value, lanes, kUnitLanes));
  }
  return value;
}

// 16 bytes that leave the L1 to others. Unlike load_once() of what a launch before may have written
// while this one waited for it.
__device__ inline Vector<uint32_t, 4> load_past_l1(const uint32_t* source) {
#if defined(__CUDA_ARCH__)
  Vector<uint32_t, 4> v;
  asm volatile("ld.global.L1::no_allocate.L2::256B.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
               : "l"(source)
               : "memory");
  return v;
#else
  return load_once(source);
#endif
}

// 16 bytes of a row of the cache for each load, as bf16 operands; f16 are two. kOnce: no other warp
// will want them.
template <typename T, bool kOnce>
struct CacheOperand {
  static constexpr int kParts = std::is_same_v<T, F16> ? 2 : 1;
  uint32_t words[kUnitLoads][kUnitWords];

  __device__ void load(int i, const T* from) {
    const auto* at = reinterpret_cast<const uint32_t*>(from);
    const auto vector = kOnce ? load_past_l1(at) : gpu::load<4>(at);
#pragma unroll
    for (int j = 0; j < kUnitWords; ++j) words[i][j] = vector[j];
  }
  // sums += this . (x[0] + x[1])^T
  __device__ void multiply_by(const UnitTokens (&x)[2], UnitSums& sums) const {
    UnitWeights parts[kParts];
#pragma unroll
    for (int i = 0; i < kUnitLoads; ++i) {
      uint32_t split[2][kUnitWords];
      if constexpr (kParts == 2) split_f16(words[i], split);
#pragma unroll
      for (int p = 0; p < kParts; ++p) {
#pragma unroll
        for (int j = 0; j < kUnitWords; ++j) {
          parts[p].words[i][j] = kParts == 2 ? split[p][j] : words[i][j];
        }
      }
    }
#pragma unroll
    for (int p = 0; p < kParts; ++p) {
      multiply(parts[p], x[0], sums);
      multiply(parts[p], x[1], sums);
    }
  }
};

__device__ inline void to_operands(const float* values, UnitTokens (&parts)[2]) {
  uint32_t words[2][kUnitWords];
  to_bf16<2>(values, words);
#pragma unroll
  for (int i = 0; i < kUnitWords; ++i) {
    parts[0].words[i] = words[0][i];
    parts[1].words[i] = words[1][i];
  }
}

// A tile of the queries that share a kv head: number j is of token j / group of its sequence and
// query head j % group of the kv head's.
template <typename T, int kDim, bool kOnce>
class UnitAttention {
 public:
  __device__ UnitAttention(const Attention& a, int64_t sequence, int64_t kv_head, int64_t first)
      : a_(a),
        keys_(static_cast<const T*>(a.keys) + a.base(sequence, kv_head)),
        values_(static_cast<const T*>(a.values) + a.base(sequence, kv_head)),
        lane_{static_cast<int>(threadIdx.x) % kUnitLanes},
        capacity_(static_cast<int>(a.capacity)) {
    const int64_t j = clamped(first + lane_.token());
    const float* q =
        a.query(sequence * a.tokens + j / a.group(), kv_head * a.group() + j % a.group());
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      float values[8];
      for (int i = 0; i < 8; ++i) values[i] = q[s * kUnitDepth + lane_.depth() + i] * a.scale;
      to_operands(values, queries_[s]);
    }
#pragma unroll
    for (int i = 0; i < kSumTokens; ++i) {
      limit_[i] = static_cast<int>(a.context(clamped(first + lane_.sum_token(i)) / a.group()));
      most_[i] = -INFINITY;
      total_[i] = 0;
    }
  }

  // Positions [begin, end), kSpan of them at a time and then `stride` on; `steps` times, which is
  // the same for all warps of a block, as emulated units must be used together.
  __device__ void attend(int begin, int end, int stride, int steps) {
    load_keys(begin);
    for (int i = 0; i < steps; ++i, begin += stride) {
      load_values(begin);
      UnitSums scores[2] = {};
#pragma unroll
      for (int s = 0; s < kSteps; ++s) {
        key_[0][s].multiply_by(queries_[s], scores[0]);
        key_[1][s].multiply_by(queries_[s], scores[1]);
      }
      load_keys(begin + stride);
      weigh(begin, end, scores);
      UnitTokens weights[2];
      turn(scores, weights);
#pragma unroll
      for (int t = 0; t < kTiles; ++t) value_[t].multiply_by(weights, sums_[t]);
    }
#pragma unroll
    for (int i = 0; i < kSumTokens; ++i) {
      total_[i] = join_rows<Sum>(total_[i]);
    }
  }

  // Calls body(query, element, sum, maximum, total) for each of this lane's results.
  template <typename Body>
  __device__ void results(Body body) const {
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        body(lane_.sum_token(i), t * kUnitRows + lane_.sum_row(i), sums_[t].lane[i],
             most_[i % kSumTokens], total_[i % kSumTokens]);
      }
    }
  }

 private:
  static constexpr int kSteps = kDim / kUnitDepth, kTiles = kDim / kUnitRows;

  __device__ int64_t clamped(int64_t query) const {
    const int64_t last = a_.tokens * a_.group() - 1;
    return query < last ? query : last;
  }

  // What is beyond the cache is read somewhere in it, and then weighs nothing.
  __device__ void load_keys(int begin) {
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
#pragma unroll
      for (int i = 0; i < kUnitLoads; ++i) {
        const int position = begin + tile * kUnitRows + lane_.row(i);
        const T* from =
            keys_ + key_index(position < capacity_ ? position : capacity_ - 1, lane_.depth(), kDim);
#pragma unroll
        for (int s = 0; s < kSteps; ++s) key_[tile][s].load(i, from + s * kUnitDepth);
      }
    }
  }
  __device__ void load_values(int begin) {
    int position = begin + lane_.depth();
    if (position >= capacity_) position = capacity_ - kCacheBlock + lane_.depth() % kCacheBlock;
    const T* from = values_ + value_index(position, 0, kDim);
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int i = 0; i < kUnitLoads; ++i) {
        value_[t].load(i, from + (t * kUnitRows + lane_.row(i)) * kCacheBlock);
      }
    }
  }

  // Scores of 32 positions to weights; what was summed before shrinks where the maximum grows.
  __device__ void weigh(int begin, int end, UnitSums (&scores)[2]) {
    float most[kSumTokens], sum[kSumTokens] = {}, factor[kSumTokens];
#pragma unroll
    for (int k = 0; k < kSumTokens; ++k) most[k] = most_[k];
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      const int tile = n / 4, i = n % 4, k = i % kSumTokens;
      const int position = begin + tile * kUnitRows + lane_.sum_row(i);
      float& score = scores[tile].lane[i];
      if (position >= end || position >= limit_[k]) score = -INFINITY;
      most[k] = fmaxf(most[k], score);
    }
#pragma unroll
    for (int k = 0; k < kSumTokens; ++k) {
      most[k] = join_rows<Max>(most[k]);
      factor[k] = shrink(most_[k], most[k]);
      most_[k] = most[k];
    }
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      float& score = scores[n / 4].lane[n % 4];
      // Before the first position that a query sees all is -infinity.
      score = score == -INFINITY ? 0.0f : exp2f(score - most[n % kSumTokens]);
      sum[n % kSumTokens] += score;
    }
#pragma unroll
    for (int k = 0; k < kSumTokens; ++k) total_[k] = total_[k] * factor[k] + sum[k];
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) sums_[t].lane[i] *= factor[i % kSumTokens];
    }
  }

  // Weights as the units gave them to weights as they take them: through shared memory.
  __device__ void turn(const UnitSums (&scores)[2], UnitTokens (&weights)[2]) {
    constexpr int kStride = kSpan + 4;
    __shared__ float turned[kAttentionUnits][kUnitTokens][kStride];
    auto& mine = turned[threadIdx.x / kUnitLanes];
    sync_wave();
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      const int tile = n / 4, i = n % 4;
      mine[lane_.sum_token(i)][tile * kUnitRows + lane_.sum_row(i)] = scores[tile].lane[i];
    }
    sync_wave();
    to_operands(&mine[lane_.token()][lane_.depth()], weights);
  }

  const Attention& a_;
  const T *keys_, *values_;
  const UnitLane lane_;
  const int capacity_;
  UnitTokens queries_[kSteps][2];
  CacheOperand<T, kOnce> key_[2][kSteps], value_[kTiles];
  UnitSums sums_[kTiles] = {};
  int limit_[kSumTokens];
  float most_[kSumTokens], total_[kSumTokens];
};

// Decode: a block has the queries of a kv head, a tile of them, over a split of the context.
template <typename T, int kDim>
__global__ void __launch_bounds__(kAttentionThreads) attend_newest(Attention a) {
  constexpr int kRecord = kDim + 2;
  __shared__ float parts[kAttentionUnits][kUnitTokens][kRecord];
  let_next_start();
  wait_for_previous();
  const int64_t split = blockIdx.x, kv_head = blockIdx.y % a.nkv, tile = blockIdx.y / a.nkv;
  const int64_t sequence = blockIdx.z, first = tile * kUnitTokens;
  const int unit = static_cast<int>(threadIdx.x) / kUnitLanes;
  const int64_t left = a.group() - first, heads = left < kUnitTokens ? left : kUnitTokens;
  const Span span = span_of(a.context(0), split, a.splits);
  constexpr int kStride = kAttentionUnits * kSpan;
  const int begin = static_cast<int>(span.begin), end = static_cast<int>(span.end);
  UnitAttention<T, kDim, true> mine(a, sequence, kv_head, first);
  mine.attend(begin + unit * kSpan, end, kStride, (end - begin + kStride - 1) / kStride);
  mine.results([&](int query, int element, float sum, float most, float total) {
    float* part = parts[unit][query];
    part[2 + element] = sum;
    if (element == 0) {
      part[0] = most;
      part[1] = total;
    }
  });
  __syncthreads();
  const int64_t head = kv_head * a.group() + first;
  for (int64_t i = threadIdx.x; i < heads * kDim; i += kAttentionThreads) {
    const int64_t query = i / kDim, element = i % kDim;
    float most = -INFINITY, total = 0, sum = 0;
    for (int u = 0; u < kAttentionUnits; ++u) most = fmaxf(most, parts[u][query][0]);
    for (int u = 0; u < kAttentionUnits; ++u) {
      const float weight = shrink(parts[u][query][0], most);
      total += weight * parts[u][query][1];
      sum += weight * parts[u][query][2 + element];
    }
    if (a.splits == 1) {
      a.out[(sequence * a.nq + head + query) * kDim + element] = sum / total;
      continue;
    }
    float* part = a.part(sequence, head + query, split);
    part[2 + element] = sum;
    if (element == 0) {
      part[0] = most;
      part[1] = total;
    }
  }
  if (a.splits == 1) return;
  const int64_t counter = sequence * gridDim.y + blockIdx.y;
  if (last_to_arrive(a.arrived + counter, a.splits)) combine_splits(a, sequence, head, heads);
}

// Prefill: the warps of a block have tiles of queries that follow one another.
template <typename T, int kDim>
__global__ void __launch_bounds__(kAttentionThreads) attend_all(Attention a) {
  let_next_start();
  wait_for_previous();
  // Later blocks of queries see more and start first.
  const int64_t block = gridDim.x - 1 - blockIdx.x, kv_head = blockIdx.y, sequence = blockIdx.z;
  const int64_t queries = a.tokens * a.group(), in_block = kAttentionUnits * kUnitTokens;
  const int64_t first = block * in_block + threadIdx.x / kUnitLanes * kUnitTokens;
  const int64_t last = (block + 1) * in_block < queries ? (block + 1) * in_block : queries;
  const int context = static_cast<int>(a.context((last - 1) / a.group()));
  UnitAttention<T, kDim, false> mine(a, sequence, kv_head, first);
  mine.attend(0, context, kSpan, (context + kSpan - 1) / kSpan);
  mine.results([&](int query, int element, float sum, float, float total) {
    const int64_t j = first + query;
    if (j >= queries) return;
    const int64_t row = sequence * a.tokens + j / a.group();
    const int64_t head = kv_head * a.group() + j % a.group();
    a.out[(row * a.nq + head) * kDim + element] = sum / total;
  });
}

template <typename T, int kDim>
void launch_dim(const Attention& a, const Site& site) {
  const auto size = [](int64_t count) { return static_cast<uint32_t>(count); };
  const int64_t group = a.nq / a.nkv;
  if (a.tokens > 1) {
    const int64_t in_block = kAttentionUnits * kUnitTokens;
    const int64_t blocks = (a.tokens * group + in_block - 1) / in_block;
    const dim3 grid(size(blocks), size(a.nkv), size(a.sequences));
    return launch_overlapped(attend_all<T, kDim>, Grid{grid, kAttentionThreads}, site, a);
  }
  const int64_t tiles = (group + kUnitTokens - 1) / kUnitTokens;
  const dim3 grid(size(a.splits), size(a.nkv * tiles), size(a.sequences));
  launch_overlapped(attend_newest<T, kDim>, Grid{grid, kAttentionThreads}, site, a);
}

// False where the head is no whole steps.
template <typename T>
bool launch_unit_attention(const Attention& a, const Site& site) {
  if (a.d == 64) return launch_dim<T, 64>(a, site), true;
  if (a.d == 96) return launch_dim<T, 96>(a, site), true;
  if (a.d == 128) return launch_dim<T, 128>(a, site), true;
  return false;
}

}  // namespace membound::gpu

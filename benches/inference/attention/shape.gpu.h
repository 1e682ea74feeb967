// SPDX-License-Identifier: Apache-2.0
// What both attention kernels on GPUs share: sizes, the part of a context that a block has, and how
// the parts of a split context come together.
#pragma once

#include "benches/inference/attention/kv_cache.gpu.h"
#include "benches/inference/attention/scratch.h"
#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {

struct Attention {
  const float* qkv;
  const void *keys, *values;
  const StepState* state;
  float* out;
  int32_t* arrived;  // splits that are done, for each block of heads; zero between launches
  float* parts;      // [sequence and query head][split][d + 2]: maximum, sum and d elements
  int64_t sequences, tokens, nq, nkv, d, capacity, splits;
  float scale;  // of scores to powers of two

  __device__ int64_t group() const { return nq / nkv; }
  __device__ int64_t base(int64_t sequence, int64_t kv_head) const {
    return (sequence * nkv + kv_head) * capacity * d;
  }
  // Row r's query head.
  __device__ const float* query(int64_t row, int64_t head) const {
    return qkv + (row * (nq + 2 * nkv) + head) * d;
  }
  // Positions that token t of a sequence's may see.
  __device__ int64_t context(int64_t token) const {
    return state->position + 1 - (tokens - 1) + token;
  }
  __device__ float* part(int64_t sequence, int64_t head, int64_t split) const {
    return parts + ((sequence * nq + head) * splits + split) * (d + 2);
  }
};

inline Attention attention_of(const Args& args) {
  constexpr double kLog2E = 1.4426950408889634;
  char* scratch = pointer<char>(args, 5);
  const int64_t counters = attention_counter_bytes(args.n[0], args.n[2]);
  return {.qkv = pointer<float>(args, 0),
          .keys = args.buffer[1].data,
          .values = args.buffer[2].data,
          .state = pointer<StepState>(args, 3),
          .out = pointer<float>(args, 4),
          .arrived = reinterpret_cast<int32_t*>(scratch),
          .parts = reinterpret_cast<float*>(scratch + counters),
          .sequences = args.n[0],
          .tokens = args.n[1],
          .nq = args.n[2],
          .nkv = args.n[3],
          .d = args.n[4],
          .capacity = args.n[5],
          .splits = args.n[1] > 1 ? 1 : std::max<int64_t>(1, args.n[6]),
          .scale = static_cast<float>(args.scalar[0] * kLog2E)};
}

// Positions [begin, end) of a context, whole blocks but for the end.
struct Span {
  int64_t begin, end;
};
__device__ inline Span span_of(int64_t context, int64_t split, int64_t splits) {
  const int64_t blocks = (context + kCacheBlock - 1) / kCacheBlock;
  const int64_t end = blocks * (split + 1) / splits * kCacheBlock;
  return {blocks * split / splits * kCacheBlock, end < context ? end : context};
}

// 2^(a - b) where a may be the maximum of nothing.
__device__ inline float shrink(float a, float b) { return a == b ? 1.0f : exp2f(a - b); }

// Combines the splits of `heads` query heads from `first` on.
__device__ inline void combine_splits(const Attention& a, int64_t sequence, int64_t first,
                                      int64_t heads) {
  for (int64_t i = threadIdx.x; i < heads * a.d; i += blockDim.x) {
    const int64_t head = first + i / a.d, stride = a.d + 2;
    const float* part = a.part(sequence, head, 0);
    float most = part[0], total = 0, sum = 0;
    for (int64_t s = 1; s < a.splits; ++s) most = fmaxf(most, part[s * stride]);
    for (int64_t s = 0; s < a.splits; ++s) {
      const float weight = shrink(part[s * stride], most);
      total += weight * part[s * stride + 1];
      sum += weight * part[s * stride + 2 + i % a.d];
    }
    a.out[(sequence * a.nq + head) * a.d + i % a.d] = sum / total;
  }
}

}  // namespace membound::gpu

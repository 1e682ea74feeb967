// SPDX-License-Identifier: Apache-2.0
// The two products of attention over a chunk of positions, for a tile of queries in registers.
#if defined(MEMBOUND_ATTENTION_CHUNK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMBOUND_ATTENTION_CHUNK_INL_H_
#undef MEMBOUND_ATTENTION_CHUNK_INL_H_
#else
#define MEMBOUND_ATTENTION_CHUNK_INL_H_
#endif

#include <algorithm>

#include "benches/inference/attention/kv_cache.h"
#include "benches/inference/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kChunk = 64;           // positions for each look at the maximum
constexpr int64_t kPrefillQueries = 32;  // that share a pass over the cache
constexpr int64_t kValueStep = 2 * kLanes;
static_assert(kChunk % kCacheBlock == 0 && kCacheBlock % kLanes == 0);

// Queries are taken eight at a time, what is left by powers of two.
constexpr int64_t tile_size(int64_t left) {
  return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}
constexpr int64_t tile_start(int64_t index, int64_t count) {
  int64_t first = 0;
  while (index >= first + tile_size(count - first)) first += tile_size(count - first);
  return first;
}

// Elements i and i + 1 of the keys at kLanes positions from `lane` of a block; i is even.
template <typename T>
HWY_INLINE void load_keys(const T* block, int64_t i, int64_t lane, Vector& a, Vector& b) {
  a = load(block + i * kCacheBlock + lane);
  b = load(block + (i + 1) * kCacheBlock + lane);
}
HWY_INLINE void load_keys(const uint16_t* block, int64_t i, int64_t lane, Vector& a, Vector& b) {
  WordVector words = load_words(block + i * kCacheBlock + 2 * lane);
  keep(words);
  a = lower_half(words);
  b = upper_half(words);
}

// kValueStep elements of a value: in order, even ones first for bf16.
template <typename T>
HWY_INLINE void load_values(const T* v, Vector& a, Vector& b) {
  a = load(v);
  b = load(v + kLanes);
}
HWY_INLINE void load_values(const uint16_t* v, Vector& a, Vector& b) {
  WordVector words = load_words(v);
  keep(words);
  a = lower_half(words);
  b = upper_half(words);
}

// Where element i of a value lies in a sum. The last step overlaps the one before where d is no
// multiple of a step, so that none reads beyond the row.
template <typename T>
int64_t value_index(int64_t i, int64_t d) {
  const int64_t step = i / kValueStep;
  const int64_t start = std::max<int64_t>(0, std::min(step * kValueStep, d - kValueStep));
  const int64_t in = i - start;
  return step * kValueStep + (kInPairs<T> ? in / 2 + in % 2 * kLanes : in);
}

// score[query][position] of kQueries queries for kVectors vectors of positions.
template <int kQueries, int kVectors, typename T>
HWY_NOINLINE void score_tile(const float* HWY_RESTRICT q, const T* HWY_RESTRICT k,
                             const T* upcoming, int64_t d, int64_t first,
                             float* HWY_RESTRICT score) {
  const Floats f;
  Vector sum[kQueries][kVectors];
  for (auto& row : sum) {
    for (auto& s : row) s = hn::Zero(f);
  }
  for (int64_t i = 0; i < d; i += 2, q += 2 * kQueries) {
    for (int j = 0; j < kVectors; ++j) {
      const int64_t position = first + j * kLanes;
      const int64_t block = position / kCacheBlock * kCacheBlock * d;
      const int64_t line = block + i * kCacheBlock + position % kCacheBlock * 2;
      prefetch(upcoming + line);
      if (sizeof(T) == 4) prefetch(upcoming + line + kCacheBlock);
      Vector a, b;
      load_keys(k + block, i, position % kCacheBlock, a, b);
      for (int g = 0; g < kQueries; ++g) {
        sum[g][j] = hn::MulAdd(a, hn::Set(f, q[g]), sum[g][j]);
        sum[g][j] = hn::MulAdd(b, hn::Set(f, q[kQueries + g]), sum[g][j]);
      }
    }
  }
  for (int g = 0; g < kQueries; ++g) {
    for (int j = 0; j < kVectors; ++j) {
      hn::Store(sum[g][j], f, score + g * kChunk + first + j * kLanes);
    }
  }
}

// Several vectors of positions where the queries alone are too few to hide the latency of FMA.
template <int kQueries, typename T>
void score_queries(const float* q, const T* k, const T* upcoming, int64_t d, int64_t count,
                   float* score) {
  constexpr int kVectors = kQueries == 8 ? 1 : kQueries == 4 ? 2 : 4;
  int64_t first = 0;
  for (; first + (kVectors - 1) * kLanes < count; first += kVectors * kLanes) {
    score_tile<kQueries, kVectors>(q, k, upcoming, d, first, score);
  }
  for (; first < count; first += kLanes) {
    score_tile<kQueries, 1>(q, k, upcoming, d, first, score);
  }
}

// Scores of `count` positions, rounded up to whole vectors, which stay within a block.
template <typename T>
void score_chunk(const float* q, const T* k, const T* upcoming, int64_t d, int64_t queries,
                 int64_t count, float* score) {
  for (int64_t i = 0; i < queries;) {
    const int64_t size = tile_size(queries - i);
    const auto tile = size == 8   ? score_queries<8, T>
                      : size == 4 ? score_queries<4, T>
                      : size == 2 ? score_queries<2, T>
                                  : score_queries<1, T>;
    tile(q + i * d, k, upcoming, d, count, score + i * kChunk);
    i += size;
  }
}

// acc[query] = shrink[query] * acc[query] + sum of weight[query][position] * v[position], for one
// step of elements at a time.
template <int kQueries, typename T>
HWY_NOINLINE void value_tile(const float* HWY_RESTRICT weight, const float* HWY_RESTRICT shrink,
                             const T* HWY_RESTRICT v, const T* upcoming, int64_t stride,
                             int64_t count, float* HWY_RESTRICT acc, int64_t padded) {
  const Floats f;
  Vector sum[kQueries][2];
  for (int g = 0; g < kQueries; ++g) {
    sum[g][0] = hn::Mul(hn::Set(f, shrink[g]), load(acc + g * padded));
    sum[g][1] = hn::Mul(hn::Set(f, shrink[g]), load(acc + g * padded + kLanes));
  }
  for (int64_t j = 0; j < count; ++j) {
    prefetch(upcoming + j * stride);
    if (sizeof(T) == 4) prefetch(upcoming + j * stride + kLanes);
    Vector a, b;
    load_values(v + j * stride, a, b);
    for (int g = 0; g < kQueries; ++g) {
      Vector w = hn::Set(f, weight[g * kChunk + j]);
      keep(w);
      sum[g][0] = hn::MulAdd(a, w, sum[g][0]);
      sum[g][1] = hn::MulAdd(b, w, sum[g][1]);
    }
  }
  for (int g = 0; g < kQueries; ++g) {
    hn::StoreU(sum[g][0], f, acc + g * padded);
    hn::StoreU(sum[g][1], f, acc + g * padded + kLanes);
  }
}

template <typename T>
void sum_values(const float* weight, const float* shrink, const T* v, const T* upcoming, int64_t d,
                int64_t queries, int64_t count, float* acc, int64_t padded) {
  // A head smaller than a step is copied to where a step may be read.
  T small[kChunk * kValueStep];
  if (d < kValueStep) {
    std::fill(small, small + count * kValueStep, T{});
    for (int64_t j = 0; j < count; ++j)
      std::copy(v + j * d, v + (j + 1) * d, small + j * kValueStep);
  }
  for (int64_t i = 0; i < queries;) {
    const int64_t size = tile_size(queries - i);
    const auto tile = size == 8   ? value_tile<8, T>
                      : size == 4 ? value_tile<4, T>
                      : size == 2 ? value_tile<2, T>
                                  : value_tile<1, T>;
    for (int64_t step = 0; step < d; step += kValueStep) {
      float* out = acc + i * padded + step;
      const int64_t start = std::min(step, d - kValueStep);
      if (d < kValueStep) {
        tile(weight + i * kChunk, shrink + i, small, small, kValueStep, count, out, padded);
      } else {
        tile(weight + i * kChunk, shrink + i, v + start, upcoming + start, d, count, out, padded);
      }
    }
    i += size;
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MEMBOUND_ATTENTION_CHUNK_INL_H_

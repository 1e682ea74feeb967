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

// Vectors of sums that a tile keeps in registers, beside the operands that they share.
constexpr int kSums = HWY_TARGET <= HWY_AVX3 ? 16 : 8;

// Queries are taken eight at a time, what is left by powers of two.
constexpr int64_t tile_size(int64_t left) {
  return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

// Fetches `kElements` from `p` on. What comes next is fetched in the order of memory, which is what
// lets the core's own prefetchers run ahead: on Zen 5 four blocks of keys line by line in turn cost
// a twentieth of the rate.
template <int64_t kElements, typename T>
HWY_INLINE void fetch(const T* p) {
  for (int64_t i = 0; i < kElements; i += kLineElements<T>) prefetch(p + i);
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
  upcoming += first * d;
  for (int64_t i = 0; i < d; i += 2) {
    fetch<2 * kVectors * kLanes>(upcoming + i * kVectors * kLanes);
    Vector a[kVectors], b[kVectors];
    for (int j = 0; j < kVectors; ++j) {
      const int64_t position = first + j * kLanes, lane = position % kCacheBlock;
      load_keys(k + (position - lane) * d, i, lane, a[j], b[j]);
    }
    for (int g = 0; g < kQueries; ++g) {
      const Vector even = hn::Set(f, q[g * d + i]), odd = hn::Set(f, q[g * d + i + 1]);
      for (int j = 0; j < kVectors; ++j) {
        sum[g][j] = hn::MulAdd(a[j], even, sum[g][j]);
        sum[g][j] = hn::MulAdd(b[j], odd, sum[g][j]);
      }
    }
  }
  for (int g = 0; g < kQueries; ++g) {
    for (int j = 0; j < kVectors; ++j) {
      hn::Store(sum[g][j], f, score + g * kChunk + first + j * kLanes);
    }
  }
}

// Several vectors of positions share the loads of queries and hide the latency of FMA.
template <int kQueries, typename T>
void score_queries(const float* q, const T* k, const T* upcoming, int64_t d, int64_t count,
                   float* score) {
  constexpr int kVectors = std::min(4, kSums / kQueries);
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

// acc[query] = shrink[query] * acc[query] + sum of weight[query][position] * v[position], for
// kSteps steps of elements at a time.
template <int kQueries, int kSteps, typename T>
HWY_NOINLINE void value_tile(const float* HWY_RESTRICT weight, const float* HWY_RESTRICT shrink,
                             const T* HWY_RESTRICT v, const T* upcoming, int64_t stride,
                             int64_t count, float* HWY_RESTRICT acc, int64_t padded) {
  constexpr int kVectors = 2 * kSteps;
  const Floats f;
  Vector sum[kQueries][kVectors];
  for (int g = 0; g < kQueries; ++g) {
    for (int i = 0; i < kVectors; ++i) {
      sum[g][i] = hn::Mul(hn::Set(f, shrink[g]), load(acc + g * padded + i * kLanes));
    }
  }
  for (int64_t j = 0; j < count; ++j) {
    fetch<kSteps * kValueStep>(upcoming + j * kSteps * kValueStep);
    Vector part[kVectors];
    for (int i = 0; i < kVectors; i += 2) {
      load_values(v + j * stride + i * kLanes, part[i], part[i + 1]);
    }
    for (int g = 0; g < kQueries; ++g) {
      Vector w = hn::Set(f, weight[g * kChunk + j]);
      keep(w);
      for (int i = 0; i < kVectors; ++i) sum[g][i] = hn::MulAdd(part[i], w, sum[g][i]);
    }
  }
  for (int g = 0; g < kQueries; ++g) {
    for (int i = 0; i < kVectors; ++i) hn::StoreU(sum[g][i], f, acc + g * padded + i * kLanes);
  }
}

// All elements of values, d of them, in as few passes as the registers allow.
template <int kQueries, typename T>
void value_queries(const float* weight, const float* shrink, const T* v, const T* upcoming,
                   int64_t d, int64_t count, float* acc, int64_t padded) {
  constexpr int kSteps = kSums >= 4 * kQueries ? 2 : 1;
  constexpr int64_t kElements = kSteps * kValueStep;
  int64_t at = 0;
  for (; at + kElements <= d; at += kElements) {
    value_tile<kQueries, kSteps>(weight, shrink, v + at, upcoming + at * count, d, count, acc + at,
                                 padded);
  }
  for (; at < d; at += kValueStep) {
    value_tile<kQueries, 1>(weight, shrink, v + std::min(at, d - kValueStep), upcoming + at * count,
                            d, count, acc + at, padded);
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
    v = small;
    d = kValueStep;
  }
  for (int64_t i = 0; i < queries;) {
    const int64_t size = tile_size(queries - i);
    const auto tile = size == 8   ? value_queries<8, T>
                      : size == 4 ? value_queries<4, T>
                      : size == 2 ? value_queries<2, T>
                                  : value_queries<1, T>;
    tile(weight + i * kChunk, shrink + i, v, upcoming, d, count, acc + i * padded, padded);
    i += size;
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MEMBOUND_ATTENTION_CHUNK_INL_H_

// SPDX-License-Identifier: Apache-2.0
// Quantised weights by AVX512_VNNI. Panels lie in memory as the instruction takes them: a vector
// has four elements of each of 16 rows, which meet four activations of a token that are broadcast.
// So there are no sums over lanes, and one conversion and one FMA for each 32 x 16 products; a
// thread reads one stream.
//
// With one or two tokens bytes are waited for anyhow: there activations are two int8 and nearly
// exact; with more of them one.
//
//   y[token][n] = sum over blocks b of  w_scale[n][b] * x_scale[token][b] *
//                     (sum of u[n][i] * q[token][i] - offset * sum of q[token][i])
//
// Fewest bytes: 34 (q8_0) or 18 (q4_0) for each 32 weights; flops: 2 * m * N * K. For each block of
// a token and 16 rows the multiplier's two units do 8 dot products, a product of scales and an FMA:
// 80 % of their peak at best.
#include "benches/inference/kernels/int8_matmul.h"

#if defined(__x86_64__)
#include <array>
#include <memory>
#include <utility>

#include "benches/inference/kernels/bf16_pack.h"

#define MEMBOUND_VNNI \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c"), always_inline))
#define MEMBOUND_VNNI_CALL \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c"), noinline))

namespace membound::cpu {
namespace {

constexpr int64_t kAhead = 8192;                    // bytes that are prefetched ahead of a stream
constexpr int64_t kManyTokens = 8;                  // from here on a panel may be read again
constexpr int64_t kTwoPartTokens = 2;               // up to which activations are two int8
constexpr int64_t kSliceBlocks = 128;               // of k at once, so that a panel stays in the L2
constexpr int64_t kPackedBytes = int64_t{1} << 19;  // of activations, beside it

// Memory of one thread that grows and stays, aligned to lines.
class Bytes {
 public:
  uint8_t* reserve(int64_t bytes) {
    if (bytes > capacity_) {
      memory_ = std::make_unique<uint8_t[]>(static_cast<size_t>(bytes) + 64);
      capacity_ = bytes;
    }
    const auto line = (reinterpret_cast<uintptr_t>(memory_.get()) + 63) / 64;
    return reinterpret_cast<uint8_t*>(line * 64);
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  int64_t capacity_ = 0;
};

MEMBOUND_VNNI inline void store_bytes(uint8_t* out, __m512i low, __m512i high) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(low));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16), _mm512_cvtepi32_epi8(high));
}

// The nearest multiple of 128; the rest is from -64 to 63.
MEMBOUND_VNNI inline __m512i first_part(__m512i v) {
  return _mm512_srai_epi32(_mm512_add_epi32(v, _mm512_set1_epi32(64)), 7);
}

// Rounds a block of activations to one or two int8, `second` apart, and returns their scale and
// sum. In f32 throughout: reference::round_blocks() does the same operations.
struct Rounded {
  float scale;
  int32_t sum;
};
template <int kParts>
MEMBOUND_VNNI inline Rounded round_block(const float* x, uint8_t* out, int64_t second) {
  constexpr float kMost = kParts == 1 ? kLevels : kTwoLevels;
  const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
  const float largest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
  const __m512 inverse = _mm512_set1_ps(largest > 0 ? kMost / largest : 0.0f);
  const __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse));
  const __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse));
  if constexpr (kParts == 1) {
    store_bytes(out, low, high);
  } else {
    const __m512i a = first_part(low), b = first_part(high);
    store_bytes(out, a, b);
    store_bytes(out + second, _mm512_sub_epi32(low, _mm512_slli_epi32(a, 7)),
                _mm512_sub_epi32(high, _mm512_slli_epi32(b, 7)));
  }
  return {largest / kMost, _mm512_reduce_add_epi32(_mm512_add_epi32(low, high))};
}

// A line of elements, and one that is wanted later; those of few tokens are met once and pass by
// the L2. The assembler keeps GCC from loading a line twice. All by trial on Zen 5, where one core
// then gets 0.94 to 0.97 of what it gets by reading alone: where lines of scales are fetched as
// well, it is 0.83 to 0.96.
template <bool kOnce>
MEMBOUND_VNNI inline __m512i load_line(const uint8_t* line, int64_t ahead) {
  _mm_prefetch(line + ahead, kOnce ? _MM_HINT_NTA : _MM_HINT_T0);
  __m512i v = _mm512_loadu_si512(line);
  __asm__ volatile("" : "+v"(v));
  return v;
}

// The vectors of a block: number i has elements 4 i to 4 i + 3 of each row.
template <bool kOnce>
MEMBOUND_VNNI inline void load_block(Q8, const uint8_t* words, int64_t ahead, __m512i (&w)[8]) {
  for (int i = 0; i < 8; ++i) w[i] = load_line<kOnce>(words + i * 64, ahead);
}
template <bool kOnce>
MEMBOUND_VNNI inline void load_block(Q4, const uint8_t* words, int64_t ahead, __m512i (&w)[8]) {
  const __m512i low = _mm512_set1_epi8(15);
  for (int i = 0; i < 4; ++i) {
    const __m512i both = load_line<kOnce>(words + i * 64, ahead);
    w[i] = _mm512_and_si512(both, low);
    w[i + 4] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
  }
}

// A block of a tile of T tokens in one or two parts: q[part][T][32], scale[T], offset[T]: the sum
// of q times -kOffset.
template <int kTokens, int kParts>
inline constexpr int64_t kTileBytes = kTokens*(kParts* kScaleBlock + 8);

template <typename Q, int kTokens, int kParts>
MEMBOUND_VNNI inline void add_block(const uint8_t* words, const uint8_t* scales, int64_t ahead,
                                    const uint8_t* x, __m512 (&sum)[kTokens]) {
  __m512i w[8];
  load_block<(kTokens < kManyTokens)>(Q{}, words, ahead, w);
  const __m512 w_scale =
      _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales)));
  const auto* q = reinterpret_cast<const int32_t*>(x);
  const int32_t* second = q + (kParts - 1) * kTokens * 8;
  const auto* scale = reinterpret_cast<const float*>(x + kParts * kTokens * kScaleBlock);
  const auto* offset = reinterpret_cast<const int32_t*>(scale + kTokens);
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    __m512i dot = _mm512_set1_epi32(offset[t]);
    for (int i = 0; i < 8; ++i) {
      dot = _mm512_dpbusd_epi32(dot, w[i], _mm512_set1_epi32(second[t * 8 + i]));
    }
    if constexpr (kParts == 2) {
      __m512i first = _mm512_setzero_si512();
      for (int i = 0; i < 8; ++i) {
        first = _mm512_dpbusd_epi32(first, w[i], _mm512_set1_epi32(q[t * 8 + i]));
      }
      dot = _mm512_add_epi32(dot, _mm512_slli_epi32(first, 7));
    }
    const __m512 both = _mm512_mul_ps(w_scale, _mm512_set1_ps(scale[t]));
    sum[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), both, sum[t]);
  }
}

struct Tile {
  const uint8_t* panel;  // of kPanelRows rows, where the blocks begin
  int64_t blocks;
  const uint8_t* x;
  float* y;        // of the first token and row
  int64_t stride;  // of y, between tokens
  int64_t rows;    // to write, at most kPanelRows
  bool add;        // to what y holds
  bool stream;     // past the caches
  int64_t ahead;   // bytes from what is multiplied to what is prefetched
};

template <typename Q, int kTokens, int kParts>
MEMBOUND_VNNI_CALL void multiply(const Tile& tile) {
  constexpr int64_t kWords = kPanelRows * Q::kBlockBytes, kScales = kPanelRows * sizeof(Half);
  constexpr int64_t kX = kTileBytes<kTokens, kParts>;
  __m512 sum[kTokens];
  for (auto& s : sum) s = _mm512_setzero_ps();
  const uint8_t* w = tile.panel;
  const uint8_t* x = tile.x;
  for (int64_t pairs = tile.blocks / kPair; pairs > 0; --pairs) {
    const uint8_t* scales = w + 2 * kWords;
    add_block<Q, kTokens, kParts>(w, scales, tile.ahead, x, sum);
    add_block<Q, kTokens, kParts>(w + kWords, scales + kScales, tile.ahead, x + kX, sum);
    w += 2 * (kWords + kScales);
    x += 2 * kX;
  }
  if (tile.blocks % kPair != 0) add_block<Q, kTokens, kParts>(w, w + kWords, tile.ahead, x, sum);
  const __mmask16 lanes = first_lanes(tile.rows);
  for (int t = 0; t < kTokens; ++t) {
    float* y = tile.y + t * tile.stride;
    if (tile.add) sum[t] = _mm512_add_ps(sum[t], _mm512_maskz_loadu_ps(lanes, y));
    if (tile.stream && reinterpret_cast<uintptr_t>(y) % 64 == 0) {
      _mm512_stream_ps(y, sum[t]);
    } else {
      _mm512_mask_storeu_ps(y, lanes, sum[t]);
    }
  }
}

using Multiply = void (*)(const Tile&);
template <typename Q, int kParts, int... kTokens>
constexpr std::array<Multiply, sizeof...(kTokens)> multiplies(
    std::integer_sequence<int, kTokens...>) {
  return {multiply<Q, kTokens + 1, kParts>...};
}
template <typename Q>
constexpr auto kMultiply = multiplies<Q, 1>(std::make_integer_sequence<int, kVnniTokens>());
template <typename Q>
constexpr auto kMultiplyTwo = multiplies<Q, 2>(std::make_integer_sequence<int, kTwoPartTokens>());

// Blocks [first, first + count) of k with tokens [token, token + tokens).
struct Part {
  int64_t first, count;
  int64_t token, tokens;
};

// The tiles of a part, of equal size to within one token.
struct Cut {
  explicit Cut(int64_t tokens) : tokens(tokens), tiles((tokens + kVnniTokens - 1) / kVnniTokens) {}
  int64_t begin(int64_t tile) const { return tokens * tile / tiles; }
  int64_t size(int64_t tile) const { return begin(tile + 1) - begin(tile); }
  int64_t tokens, tiles;
};

template <typename Q>
class Matmul {
 public:
  explicit Matmul(const Args& args)
      : m_(args.n[0]),
        height_(args.n[1]),
        width_(args.n[2]),
        accumulate_(args.n[3] != 0),
        parts_(m_ <= kTwoPartTokens ? 2 : 1),
        token_bytes_(parts_ * kScaleBlock + 8),
        panels_{pointer<uint8_t>(args, 0), height_, width_ / kScaleBlock},
        x_(pointer<float>(args, 1)),
        y_(pointer<float>(args, 2)) {
    static thread_local Bytes memory;
    const int64_t slices = (panels_.blocks + kSliceBlocks - 1) / kSliceBlocks;
    const int64_t pairs = (panels_.blocks + kPair - 1) / kPair;
    slice_ = m_ <= kVnniTokens ? pairs * kPair : (pairs + slices - 1) / slices * kPair;
    const int64_t fit = kPackedBytes / (slice_ * token_bytes_) / kVnniTokens * kVnniTokens;
    part_tokens_ = std::max(fit, kVnniTokens);
    const int64_t filled_bytes = (slice_ * kPanelRows * kStoredBytes<Q> + 63) / 64 * 64;
    filled_ = memory.reserve(filled_bytes + std::min(part_tokens_, m_) * slice_ * token_bytes_);
    packed_ = filled_ + filled_bytes;
  }

  // Rows `range` of the weights.
  void run(Range range) {
    for (int64_t first = 0; first < panels_.blocks; first += slice_) {
      for (int64_t token = 0; token < m_; token += part_tokens_) {
        const Part part = {first, std::min(slice_, panels_.blocks - first), token,
                           std::min(part_tokens_, m_ - token)};
        parts_ == 2 ? pack_tokens<2>(part) : pack_tokens<1>(part);
        for (int64_t n = range.begin; n < range.end; n += kPanelRows) {
          multiply_panel(part, n, std::min(kPanelRows, range.end - n));
        }
      }
    }
    _mm_sfence();
  }

 private:
  template <int kParts>
  MEMBOUND_VNNI_CALL void pack_tokens(const Part& part) {
    const Cut cut(part.tokens);
    for (int64_t tile = 0; tile < cut.tiles; ++tile) {
      const int64_t begin = cut.begin(tile), size = cut.size(tile);
      uint8_t* out = packed_ + begin * part.count * token_bytes_;
      for (int64_t b = 0; b < part.count; ++b, out += size * token_bytes_) {
        auto* scale = reinterpret_cast<float*>(out + kParts * size * kScaleBlock);
        auto* offset = reinterpret_cast<int32_t*>(scale + size);
        for (int64_t t = 0; t < size; ++t) {
          const float* x = x_ + (part.token + begin + t) * width_ + (part.first + b) * kScaleBlock;
          const Rounded r = round_block<kParts>(x, out + t * kScaleBlock, size * kScaleBlock);
          scale[t] = r.scale;
          offset[t] = -Q::kOffset * r.sum;
        }
      }
    }
  }

  // A panel of fewer rows as if it had all: those that are missing have no result that is written.
  const uint8_t* fill_up(const Panel<Q>& panel, const Part& part) {
    const int64_t missing = kPanelRows - panel.rows;
    uint8_t* out = filled_;
    for (int64_t b = part.first; b < part.first + part.count; b += kPair) {
      const int64_t count = std::min(kPair, part.first + part.count - b);
      const uint8_t* words = panel.pair(b);
      const int64_t vectors = count * Q::kBlockBytes / kWord;
      for (int64_t i = 0; i < vectors; ++i, words += panel.rows * kWord) {
        out = std::copy(words, words + panel.rows * kWord, out) + missing * kWord;
      }
      constexpr int64_t kScaleBytes = sizeof(Half);
      for (int64_t i = 0; i < count; ++i, words += panel.rows * kScaleBytes) {
        out = std::copy(words, words + panel.rows * kScaleBytes, out) + missing * kScaleBytes;
      }
    }
    return filled_;
  }

  void multiply_panel(const Part& part, int64_t n, int64_t rows) {
    const Panel<Q> panel = panels_.panel(n);
    Tile tile = {.blocks = part.count, .stride = height_, .rows = rows};
    tile.panel = panel.rows < kPanelRows ? fill_up(panel, part) : panel.pair(part.first);
    tile.add = part.first > 0 || accumulate_;
    tile.stream = !tile.add && part.count == panels_.blocks && rows == kPanelRows;
    const Cut cut(part.tokens);
    // One tile is a stream; of several the first ones have the next panel fetched.
    tile.ahead = cut.tiles == 1 ? kAhead : kPanelRows * panels_.row_bytes();
    for (int64_t i = 0; i < cut.tiles; ++i) {
      const int64_t begin = cut.begin(i);
      tile.x = packed_ + begin * part.count * token_bytes_;
      tile.y = y_ + (part.token + begin) * height_ + n;
      const auto size = static_cast<size_t>(cut.size(i) - 1);
      (parts_ == 2 ? kMultiplyTwo<Q>[size] : kMultiply<Q>[size])(tile);
    }
  }

  const int64_t m_, height_, width_;
  const bool accumulate_;
  const int64_t parts_, token_bytes_;
  const Panels<Q> panels_;
  const float* x_;
  float* y_;
  int64_t slice_;        // blocks of k
  int64_t part_tokens_;  // that share a panel
  uint8_t* filled_;      // a panel that has too few rows
  uint8_t* packed_;      // [tile][block]
};

}  // namespace

template <typename Q>
void vnni_matmul(const Args& args, Team team) {
  const Range range = matmul_rows(args, kPanelRows, team);
  if (range.begin < range.end) Matmul<Q>(args).run(range);
}

template void vnni_matmul<Q8>(const Args& args, Team team);
template void vnni_matmul<Q4>(const Args& args, Team team);

}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// gemv of bf16 with AVX512_BF16: y[m][N] = (accumulate ? y : 0) + x[m][K] . W[N][K]^T, m up to 16.
//
// Vectors of a weight row, as they lie in memory, meet the same elements of each token; lanes are
// summed at the row's end. Fewest bytes: N * K weights; m / 32 multiply-adds of a vector a weight.
// Rows that are multiplied together are far apart, which gives a core several streams: found by
// trial on Zen 5, where two far rows of 4 KiB come at 0.97 of the read ceiling and two neighbours
// at 0.6.
#include "benches/inference/kernels/bf16_matmul.h"

#if defined(__x86_64__)
#include <algorithm>
#include <bit>
#include <utility>

#include "benches/inference/kernels/bf16_pack.h"

#define MEMBOUND_AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

namespace membound::cpu {
namespace {

// Elements that are prefetched ahead in a stream: the fewer tokens, the sooner they are needed.
constexpr int64_t ahead(int tokens) { return tokens <= 2 ? 2048 : 1280; }
constexpr int64_t kLine = 16;  // outputs that are written together
constexpr int64_t kMostRows = 4;

// Rows and a block of tokens that meet.
struct Meeting {
  const uint16_t* w;     // the first row
  int64_t stride;        // between rows, elements
  const uint16_t* x;     // [step][token][part][kTileDepth]
  int64_t width;         // elements of a row
  const uint16_t* next;  // a row that is fetched meanwhile; null: each row's own is, ahead
  float* sums;           // [row][kDotTokens][kLine]: the first of kLine outputs, written
};

using Meet = void (*)(const Meeting&);

// The sums of the lanes of 16 vectors, in order.
MEMBOUND_AVX512_BF16 inline __m512 sum_lanes(const __m512* v) {
  __m512 t[8];
  for (int i = 0; i < 8; ++i) {
    t[i] = _mm512_add_ps(_mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]),
                         _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]));
  }
  for (int i = 0; i < 4; ++i) {
    const __m512d a = _mm512_castps_pd(t[2 * i]), b = _mm512_castps_pd(t[2 * i + 1]);
    t[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                         _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  for (int i = 0; i < 2; ++i) {
    t[i] = _mm512_add_ps(_mm512_shuffle_f32x4(t[2 * i], t[2 * i + 1], 0x88),
                         _mm512_shuffle_f32x4(t[2 * i], t[2 * i + 1], 0xdd));
  }
  return _mm512_add_ps(_mm512_shuffle_f32x4(t[0], t[1], 0x88),
                       _mm512_shuffle_f32x4(t[0], t[1], 0xdd));
}

inline float widen(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// What is left of a row behind its last whole step, for one token.
template <int kTokens, int kParts>
float multiply_rest(const Meeting& in, const uint16_t* w, int64_t token) {
  const int64_t whole = in.width / kTileDepth * kTileDepth;
  const uint16_t* x = in.x + (whole * kTokens + token * kTileDepth) * kParts;
  float sum = 0;
  for (int64_t k = whole; k < in.width; ++k) {
    for (int part = 0; part < kParts; ++part) {
      sum += widen(w[k]) * widen(x[part * kTileDepth + k - whole]);
    }
  }
  return sum;
}

// Sums stay in registers only while nothing takes their address: hence the loops by index.
template <int kRows, int kTokens, int kParts>
MEMBOUND_AVX512_BF16 void meet(const Meeting& in) {
  __m512 sum[kRows][kTokens];
  for (auto& row : sum) {
    for (auto& s : row) s = _mm512_setzero_ps();
  }
  const uint16_t* x = in.x;
  for (int64_t k = 0; k + kTileDepth <= in.width; k += kTileDepth) {
    __m512i w[kRows];
    if (in.next != nullptr) _mm_prefetch(in.next + k, _MM_HINT_T0);
    for (int row = 0; row < kRows; ++row) {
      const uint16_t* from = in.w + row * in.stride + k;
      if (in.next == nullptr) _mm_prefetch(from + ahead(kTokens), _MM_HINT_T0);
      w[row] = _mm512_loadu_si512(from);
    }
    for (int i = 0; i < kTokens * kParts; ++i, x += kTileDepth) {
      const auto token = reinterpret_cast<__m512bh>(_mm512_loadu_si512(x));
      for (int row = 0; row < kRows; ++row) {
        sum[row][i / kParts] =
            _mm512_dpbf16_ps(sum[row][i / kParts], reinterpret_cast<__m512bh>(w[row]), token);
      }
    }
  }
  constexpr int kSums = kRows * kTokens;
  __m512 all[(kSums + 15) / 16 * 16] = {};
  for (int i = 0; i < kSums; ++i) all[i] = sum[i / kTokens][i % kTokens];
  alignas(64) float total[sizeof all / sizeof *all];
  for (int i = 0; i < kSums; i += 16) _mm512_store_ps(total + i, sum_lanes(all + i));
  const bool rest = in.width % kTileDepth != 0;
  for (int i = 0; i < kSums; ++i) {
    const int row = i / kTokens, token = i % kTokens;
    if (rest) total[i] += multiply_rest<kTokens, kParts>(in, in.w + row * in.stride, token);
    in.sums[(row * kDotTokens + token) * kLine] = total[i];
  }
}

template <int kParts, size_t... kIndex>
Meet find_meet(int64_t rows, int64_t tokens, std::index_sequence<kIndex...>) {
  static constexpr Meet table[] = {meet<kIndex / 8 + 1, kIndex % 8 + 1, kParts>...};
  return table[(rows - 1) * 8 + tokens - 1];
}

// How many rows and tokens meet: the more tokens, the more rows, as loads of tokens then are what
// there is most of. Up to two tokens keep the precision of f32, in two parts; from nine on there
// are as many blocks of tokens as rows.
struct Cut {
  explicit Cut(int64_t m)
      : rows(m <= 4   ? 2
             : m <= 8 ? 3
                      : kMostRows),
        parts(m <= 2 ? 2 : 1),
        block(m <= 8 ? m : (m + kMostRows - 1) / kMostRows) {}
  Meet meet(int64_t some_rows, int64_t tokens) const {
    return parts == 2 ? find_meet<2>(some_rows, tokens, std::make_index_sequence<2 * 8>())
                      : find_meet<1>(some_rows, tokens, std::make_index_sequence<kMostRows * 8>());
  }
  const int64_t rows, parts, block;
};

class Gemv {
 public:
  Gemv(const Args& args, Team team)
      : m_(args.n[0]),
        height_(args.n[1]),
        width_(args.n[2]),
        accumulate_(args.n[3] != 0),
        w_(pointer<uint16_t>(args, 0)),
        x_(pointer<float>(args, 1)),
        y_(pointer<float>(args, 2)),
        cut_(m_),
        rows_(matmul_rows(args, kLine, team)) {
    const int64_t count = (rows_.end - rows_.begin + cut_.rows - 1) / cut_.rows;
    part_ = (count + kLine - 1) / kLine * kLine;
    steps_ = (width_ + kTileDepth - 1) / kTileDepth;
    static thread_local Bf16Scratch scratch;
    packed_ = scratch.reserve(steps_ * kTileDepth * m_ * cut_.parts);
  }

  void run() {
    if (rows_.begin == rows_.end) return;
    for (int64_t token = 0; token < m_; token += cut_.block) pack(token);
    for (int64_t i = 0; i < part_; i += kLine) {
      for (int64_t j = 0; j < kLine; ++j) multiply(i + j, lines_ + j);
      for (int64_t row = 0; row < cut_.rows; ++row) write(rows_.begin + row * part_ + i, row);
    }
    _mm_sfence();
  }

 private:
  int64_t tokens_from(int64_t token) const { return std::min(cut_.block, m_ - token); }
  uint16_t* packed(int64_t token) const {
    return packed_ + token * cut_.parts * steps_ * kTileDepth;
  }

  void pack(int64_t token) {
    const int64_t tokens = tokens_from(token);
    uint16_t* out = packed(token);
    for (int64_t k = 0; k < width_; k += kTileDepth) {
      for (int64_t i = 0; i < tokens; ++i, out += cut_.parts * kTileDepth) {
        pack_parts(x_ + (token + i) * width_ + k, width_ - k, cut_.parts, out);
      }
    }
  }

  // Row i of each of the distant parts with all tokens.
  void multiply(int64_t i, float* sums) {
    const int64_t first = rows_.begin + i;
    if (first >= rows_.end) return;
    const int64_t rows = std::min(cut_.rows, (rows_.end - first - 1) / part_ + 1);
    Meeting in = {.w = w_ + first * width_, .stride = part_ * width_, .width = width_};
    for (int64_t token = 0; token < m_; token += cut_.block) {
      // The blocks take turns at fetching the next rows; a lone block reads ahead in its own.
      const int64_t turn = token / cut_.block;
      in.next = m_ > cut_.block ? in.w + std::min(turn, rows - 1) * in.stride + width_ : nullptr;
      in.x = packed(token);
      in.sums = sums + token * kLine;
      cut_.meet(rows, tokens_from(token))(in);
    }
  }

  // A row's line for all tokens. Whole lines go past the caches: a store that has to fetch its line
  // holds the stream of weights up.
  MEMBOUND_AVX512_BF16 void write(int64_t row, int64_t index) const {
    const int64_t end = std::min(rows_.end, rows_.begin + (index + 1) * part_);
    const __mmask16 lanes = first_lanes(end - row);
    for (int64_t token = 0; token < m_ && lanes != 0; ++token) {
      float* out = y_ + token * height_ + row;
      __m512 sum = _mm512_load_ps(lines_ + (index * kDotTokens + token) * kLine);
      if (accumulate_) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes, out));
      if (!accumulate_ && lanes == 0xffff && reinterpret_cast<uintptr_t>(out) % 64 == 0) {
        _mm512_stream_ps(out, sum);
      } else {
        _mm512_mask_storeu_ps(out, lanes, sum);
      }
    }
  }

  const int64_t m_, height_, width_;
  const bool accumulate_;
  const uint16_t* w_;
  const float* x_;
  float* y_;
  const Cut cut_;
  const Range rows_;
  int64_t part_, steps_;
  uint16_t* packed_;
  alignas(64) float lines_[kMostRows * kDotTokens * kLine];
};

}  // namespace

void dot_gemv_bf16(const Args& args, Team team) { Gemv(args, team).run(); }

}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// Many tokens by AVX512_VNNI: a panel of 16 rows is brought into the order of the instruction once,
// four elements of each row in a vector, and meets all tokens, whose activations are broadcast: no
// sums over lanes, and one conversion and one FMA for each 32 x 16 products.
//
// Fewest bytes: 34 (q8_0) or 18 (q4_0) for each 32 weights; flops: 2 * m * N * K. For each block of
// a token and 16 rows the multiplier's two units do 8 dot products, a product of scales and an FMA:
// 80 % of their peak at best.
#include "benches/inference/kernels/int8_matmul.h"

#if defined(__x86_64__)
#include <array>
#include <utility>

#include "benches/inference/kernels/vnni.h"

namespace membound::cpu {
namespace {

constexpr int64_t kPanelRows = 16;
constexpr int64_t kMostTokens = 16;                 // of a tile: their sums fill half the registers
constexpr int64_t kSliceBlocks = 128;               // of k at once, so that a panel stays in the L2
constexpr int64_t kPackedBytes = int64_t{1} << 19;  // of activations, beside it

// A block of a panel, and of a tile of T tokens: q[T][32], scale[T], offset[T].
struct alignas(64) PanelBlock {
  uint8_t w[8][64];  // [four elements][row][4]
  float scale[kPanelRows];
};
constexpr int64_t kTokenBytes = kScaleBlock + sizeof(float) + sizeof(int32_t);

struct Tile {
  const PanelBlock* panel;
  const uint8_t* x;
  int64_t blocks;
  float* y;             // of the first token and row
  int64_t stride;       // of y, between tokens
  int64_t rows;         // to write, at most 16
  bool add;             // to what y holds
  bool stream;          // past the caches
  const uint8_t* next;  // rows that are wanted next, a few lines of each fetched on the way
  int64_t next_rows, next_stride, next_bytes;
};

template <int kTokens>
MEMBOUND_VNNI_CALL void multiply(const Tile& tile) {
  __m512 sum[kTokens];
  for (auto& s : sum) s = _mm512_setzero_ps();
  const uint8_t* x = tile.x;
  for (int64_t b = 0; b < tile.blocks; ++b, x += kTokens * kTokenBytes) {
    const PanelBlock& panel = tile.panel[b];
    if (b * tile.next_bytes % 64 < tile.next_bytes) {
      for (int64_t i = 0; i < tile.next_rows; ++i) {
        _mm_prefetch(tile.next + i * tile.next_stride + b * tile.next_bytes, _MM_HINT_T1);
      }
    }
    __m512i w[8];
    for (int i = 0; i < 8; ++i) w[i] = _mm512_load_si512(panel.w[i]);
    const __m512 w_scale = _mm512_load_ps(panel.scale);
    const auto* q = reinterpret_cast<const int32_t*>(x);
    const auto* scale = reinterpret_cast<const float*>(x + kTokens * kScaleBlock);
    const int32_t* offset = q + kTokens * (kScaleBlock / 4 + 1);
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      __m512i dot = _mm512_set1_epi32(offset[t]);
      for (int i = 0; i < 8; ++i) {
        dot = _mm512_dpbusd_epi32(dot, w[i], _mm512_set1_epi32(q[t * 8 + i]));
      }
      const __m512 both = _mm512_mul_ps(w_scale, _mm512_set1_ps(scale[t]));
      sum[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), both, sum[t]);
    }
  }
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
template <int... kTokens>
constexpr std::array<Multiply, sizeof...(kTokens)> multiplies(
    std::integer_sequence<int, kTokens...>) {
  return {multiply<kTokens + 1>...};
}
constexpr auto kMultiply = multiplies(std::make_integer_sequence<int, kMostTokens>());

// Blocks [first, first + count) of k with tokens [token, token + tokens).
struct Part {
  int64_t first, count;
  int64_t token, tokens;
};

// The tiles of a part, of equal size to within one token.
struct Cut {
  explicit Cut(int64_t tokens) : tokens(tokens), tiles((tokens + kMostTokens - 1) / kMostTokens) {}
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
        rows_{pointer<uint8_t>(args, 0), width_ / kScaleBlock},
        x_(pointer<float>(args, 1)),
        y_(pointer<float>(args, 2)) {
    static thread_local Bytes memory;
    const int64_t slices = (rows_.blocks + kSliceBlocks - 1) / kSliceBlocks;
    const int64_t groups = (rows_.blocks + kGroupBlocks - 1) / kGroupBlocks;
    slice_ = (groups + slices - 1) / slices * kGroupBlocks;
    const int64_t fit = kPackedBytes / (slice_ * kTokenBytes) / kMostTokens * kMostTokens;
    part_tokens_ = std::max(fit, kMostTokens);
    const int64_t panel_bytes = (slice_ + 1) * static_cast<int64_t>(sizeof(PanelBlock));
    uint8_t* all = memory.reserve(panel_bytes + std::min(part_tokens_, m_) * slice_ * kTokenBytes);
    panel_ = reinterpret_cast<PanelBlock*>(all);
    packed_ = all + panel_bytes;
  }

  // Rows `range` of the weights.
  void run(Range range) {
    for (int64_t first = 0; first < rows_.blocks; first += slice_) {
      for (int64_t token = 0; token < m_; token += part_tokens_) {
        const Part part = {first, std::min(slice_, rows_.blocks - first), token,
                           std::min(part_tokens_, m_ - token)};
        pack_tokens(part);
        for (int64_t n = range.begin; n < range.end; n += kPanelRows) {
          pack_panel(part, n, std::min(kPanelRows, range.end - n));
          multiply_panel(part, n, range);
        }
      }
    }
    _mm_sfence();
  }

 private:
  MEMBOUND_VNNI_CALL void pack_tokens(const Part& part) {
    const Cut cut(part.tokens);
    for (int64_t tile = 0; tile < cut.tiles; ++tile) {
      const int64_t begin = cut.begin(tile), size = cut.size(tile);
      uint8_t* out = packed_ + begin * part.count * kTokenBytes;
      for (int64_t b = 0; b < part.count; ++b, out += size * kTokenBytes) {
        auto* scale = reinterpret_cast<float*>(out + size * kScaleBlock);
        auto* offset = reinterpret_cast<int32_t*>(scale + size);
        for (int64_t t = 0; t < size; ++t) {
          const float* x = x_ + (part.token + begin + t) * width_ + (part.first + b) * kScaleBlock;
          const Rounded r = round_block<1>(x, out + t * kScaleBlock);
          scale[t] = r.scale;
          offset[t] = -Q::kOffset * r.sum;
        }
      }
    }
  }

  // 16 rows of two blocks to the order of a panel.
  MEMBOUND_VNNI static void store_pair(__m512i* v, PanelBlock* out) {
    transpose(v);
    for (int64_t i = 0; i < kPanelRows; ++i) _mm512_store_si512(out[i / 8].w[i % 8], v[i]);
  }

  // Missing rows are copies of the last one, whose results nobody writes.
  MEMBOUND_VNNI_CALL void pack_panel(const Part& part, int64_t n, int64_t count) {
    const uint8_t* row[kPanelRows];
    for (int64_t i = 0; i < kPanelRows; ++i) row[i] = rows_.row(n + std::min(i, count - 1));
    const int64_t end = part.first + part.count;
    __m512i v[kPanelRows];
    int64_t b = 0;
    for (; b + kGroupBlocks <= part.count; b += kGroupBlocks) {
      const int64_t at = (part.first + b) * Q::kBlockBytes;
      for (int64_t pair = 0; pair < kGroupBlocks / 2; ++pair) {
        for (int64_t i = 0; i < kPanelRows; ++i) v[i] = whole_pair(Q{}, row[i] + at, pair);
        store_pair(v, panel_ + b + 2 * pair);
      }
    }
    for (; b < part.count; b += 2) {
      for (int64_t i = 0; i < kPanelRows; ++i) {
        v[i] = pair_of(Q{}, row[i], rows_.blocks, part.first + b);
      }
      store_pair(v, panel_ + b);
    }
    for (b = part.first; b < end; b += 16) {
      for (int64_t i = 0; i < kPanelRows; ++i) {
        v[i] = _mm512_castps_si512(scales_of(rows_.scales(row[i]) + b, end - b));
      }
      transpose(v);
      for (int64_t i = 0; i < std::min<int64_t>(16, end - b); ++i) {
        _mm512_store_si512(panel_[b - part.first + i].scale, v[i]);
      }
    }
  }

  void multiply_panel(const Part& part, int64_t n, Range range) {
    Tile tile = {.panel = panel_, .blocks = part.count, .stride = height_};
    tile.rows = std::min(kPanelRows, range.end - n);
    tile.add = part.first > 0 || accumulate_;
    tile.stream = !tile.add && part.count == rows_.blocks && tile.rows == kPanelRows;
    tile.next_stride = rows_.row_bytes();
    tile.next_bytes = Q::kBlockBytes;
    const int64_t after = std::min(kPanelRows, std::max<int64_t>(0, range.end - n - kPanelRows));
    const Cut cut(part.tokens);
    for (int64_t i = 0; i < cut.tiles; ++i) {
      const int64_t begin = cut.begin(i), row = after * i / cut.tiles;
      tile.x = packed_ + begin * part.count * kTokenBytes;
      tile.y = y_ + (part.token + begin) * height_ + n;
      tile.next = rows_.row(n + kPanelRows + row) + part.first * Q::kBlockBytes;
      tile.next_rows = after * (i + 1) / cut.tiles - row;
      kMultiply[static_cast<size_t>(cut.size(i) - 1)](tile);
    }
  }

  const int64_t m_, height_, width_;
  const bool accumulate_;
  const Rows<Q> rows_;
  const float* x_;
  float* y_;
  int64_t slice_;        // blocks of k
  int64_t part_tokens_;  // that share a packed panel
  PanelBlock* panel_;
  uint8_t* packed_;  // [tile][block]
};

}  // namespace

template <typename Q>
void vnni_panels(const Args& args, Team team) {
  Matmul<Q>(args).run(matmul_rows(args, kPanelRows, team));
}

template void vnni_panels<Q8>(const Args& args, Team team);
template void vnni_panels<Q4>(const Args& args, Team team);

}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// The loops around panels of bf16: blocks of k and of tokens whose activations, packed, stay in the
// L2; panels of weight rows pass by, each with all groups of tokens of the block.
#include "benches/inference/kernels/bf16_matmul.h"

#if defined(__x86_64__)
#include <type_traits>

#include "benches/inference/kernels/bf16_pack.h"

namespace membound::cpu {
namespace {

constexpr int64_t kBlockElements = int64_t{1} << 19;  // packed activations of a block: 1 MiB
constexpr int64_t kBlockTokens = 256;
constexpr int64_t kExactTokens = 16;  // up to here a second part of activations costs no time

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

struct Block {
  int64_t k, depth;       // elements [k, k + depth)
  int64_t first, tokens;  // of them
  int64_t padded() const { return round_up(depth, kTileDepth); }
  int64_t steps() const { return padded() / kTileDepth; }
};

// T: the weights' type; uint16_t is bf16.
template <typename T>
class Matmul {
 public:
  Matmul(const Args& args, const Bf16Shape& shape, Bf16Multiply multiply)
      : m_(args.n[0]),
        height_(args.n[1]),
        width_(args.n[2]),
        accumulate_(args.n[3] != 0),
        w_(pointer<uint16_t>(args, 0)),
        x_(pointer<float>(args, 1)),
        y_(pointer<float>(args, 2)),
        shape_(shape),
        multiply_(multiply),
        panel_rows_(shape.row_tiles * kTileRows) {
    const int64_t tokens = std::min(round_up(m_, shape.token_tiles * kTileRows), kBlockTokens);
    const int64_t most = kBlockElements / (tokens * shape.activation_parts);
    const int64_t blocks = (width_ + most - 1) / most;
    depth_ = round_up((width_ + blocks - 1) / blocks, kTileDepth);
    static thread_local Bf16Scratch scratch;
    packed_ = scratch.reserve(tokens * shape.activation_parts * depth_ +
                              2 * panel_rows_ * (depth_ + kTileDepth));
    panel_ = packed_ + tokens * shape.activation_parts * depth_;
  }

  // `rows` of the weights.
  void run(Range rows) {
    for (int64_t k = 0; k < width_; k += depth_) {
      for (int64_t first = 0; first < m_; first += kBlockTokens) {
        const Block block = {k, std::min(depth_, width_ - k), first,
                             std::min(kBlockTokens, m_ - first)};
        pack(block);
        for (int64_t n = rows.begin; n < rows.end; n += panel_rows_) {
          multiply_panel(block, n, rows);
        }
      }
    }
  }

 private:
  int64_t group_tokens() const { return shape_.token_tiles * kTileRows; }
  int64_t group_elements(const Block& b) const {
    return b.padded() * group_tokens() * shape_.activation_parts;
  }

  void pack(const Block& b) {
    const int64_t part = shape_.token_tiles * kTileElements;
    for (int64_t first = 0; first < b.tokens; first += kTileRows) {
      const int64_t in_group = first % group_tokens() / kTileRows;
      uint16_t* out =
          packed_ + first / group_tokens() * group_elements(b) + in_group * kTileElements;
      for (int64_t k = 0; k < b.depth; k += kTileDepth) {
        pack_step(x_ + (b.first + first) * width_ + b.k + k, width_,
                  std::min(kTileRows, b.tokens - first), b.depth - k, shape_.activation_parts, part,
                  out + k / kTileDepth * shape_.activation_parts * part);
      }
      // The group's second tile may have no token at all.
      if (in_group + 1 < shape_.token_tiles && first + kTileRows >= b.tokens) {
        clear_tile(b, out + kTileElements);
      }
    }
  }

  void clear_tile(const Block& b, uint16_t* out) {
    const int64_t step = shape_.activation_parts * shape_.token_tiles * kTileElements;
    for (int64_t i = 0; i < b.steps(); ++i) {
      for (int part = 0; part < shape_.activation_parts; ++part) {
        uint16_t* tile = out + i * step + part * shape_.token_tiles * kTileElements;
        std::fill(tile, tile + kTileElements, uint16_t{0});
      }
    }
  }

  // Weights straight from memory where they are whole tiles of bf16. Rows of a copy are a line
  // longer than they need be: else they share sets of the L1.
  Bf16Panel panel(const Block& b, int64_t n, int64_t rows) {
    const uint16_t* w = w_ + n * width_ + b.k;
    const int64_t stride = b.padded() + kTileDepth;
    uint16_t* second = panel_ + panel_rows_ * stride;
    if constexpr (kQuantised<T>) {
      const Panels<T> all = {reinterpret_cast<const uint8_t*>(w_), height_, width_ / kScaleBlock};
      widen_panel(all, n, rows, b.k / kScaleBlock, b.depth / kScaleBlock, panel_rows_, stride,
                  panel_);
    } else if constexpr (std::is_same_v<T, Half>) {
      split_panel(w, width_, rows, b.depth, panel_rows_, stride, panel_, second);
    } else if (rows < panel_rows_ || b.depth < b.padded()) {
      copy_panel(w, width_, rows, b.depth, panel_rows_, stride, panel_);
    } else {
      return {.w = {w, w}, .stride = width_};
    }
    return {.w = {panel_, second}, .stride = stride};
  }

  void multiply_panel(const Block& b, int64_t n, Range range) {
    const int64_t rows = std::min(panel_rows_, range.end - n);
    Bf16Panel p = panel(b, n, rows);
    alignas(64) float sums[2 * kTileRows * kGroup];
    p.steps = b.steps();
    p.c = sums;
    // Where a panel is used more than once, the next one comes from memory meanwhile.
    const bool more = p.w[0] != panel_ && n + 2 * panel_rows_ <= range.end;
    const int64_t groups = (b.tokens + group_tokens() - 1) / group_tokens();
    for (int64_t first = 0; first < b.tokens; first += group_tokens()) {
      const int64_t group = first / group_tokens();
      const int64_t row = panel_rows_ * group / groups;
      p.next = p.w[0] + (panel_rows_ + row) * p.stride;
      p.next_rows = more && groups > 1 ? panel_rows_ * (group + 1) / groups - row : 0;
      p.x = packed_ + group * group_elements(b);
      multiply_(p);
      write(b, n, rows, b.first + first, std::min(group_tokens(), b.tokens - first), sums);
    }
  }

  void write(const Block& b, int64_t n, int64_t rows, int64_t token, int64_t tokens,
             const float* sums) {
    const bool add = b.k > 0 || accumulate_;
    // A store that has to fetch its line holds the stream of weights up; one that is read before,
    // or again soon, finds it in a cache.
    const bool stream = !add && b.depth == width_;
    for (int64_t row = 0; row < rows; row += kTileRows) {
      for (int64_t i = 0; i < tokens; i += kTileRows) {
        write_sums(sums + row * kGroup + i, rows - row, std::min(kTileRows, tokens - i),
                   y_ + (token + i) * height_ + n + row, height_, add, stream);
      }
    }
  }

  const int64_t m_, height_, width_;
  const bool accumulate_;
  const uint16_t* w_;
  const float* x_;
  float* y_;
  const Bf16Shape shape_;
  const Bf16Multiply multiply_;
  const int64_t panel_rows_;
  int64_t depth_;  // of a block
  uint16_t* packed_;
  uint16_t* panel_;
};

Bf16Shape shape_for(const Args& args, int weight_parts, int activation_parts) {
  const bool few = args.n[0] <= kTileRows;
  return {weight_parts, activation_parts, few ? 1 : 2, few ? 1 : 2};
}

template <typename T>
void amx_matmul(const Args& args, Team team, const Bf16Shape& shape) {
  configure_amx();
  Matmul<T>(args, shape, choose_amx(shape)).run(matmul_rows(args, 2 * kTileRows, team));
  release_amx();
  _mm_sfence();
}

template <typename T>
void dot_matmul(const Args& args, Team team) {
  const Bf16Shape shape = shape_for(args, 1, 1);
  Matmul<T>(args, shape, choose_dot(shape)).run(matmul_rows(args, 2 * kTileRows, team));
  _mm_sfence();
}

}  // namespace

void amx_matmul_bf16(const Args& args, Team team) {
  amx_matmul<uint16_t>(args, team, shape_for(args, 1, args.n[0] <= kExactTokens ? 2 : 1));
}

void amx_matmul_f16(const Args& args, Team team) {
  amx_matmul<Half>(args, team, shape_for(args, 2, 2));
}

void dot_matmul_bf16(const Args& args, Team team) { dot_matmul<uint16_t>(args, team); }

template <typename Q>
void amx_matmul_quantised(const Args& args, Team team) {
  amx_matmul<Q>(args, team, shape_for(args, 1, 1));
}
template <typename Q>
void dot_matmul_quantised(const Args& args, Team team) {
  dot_matmul<Q>(args, team);
}

template void amx_matmul_quantised<Q8>(const Args& args, Team team);
template void amx_matmul_quantised<Q4>(const Args& args, Team team);
template void dot_matmul_quantised<Q8>(const Args& args, Team team);
template void dot_matmul_quantised<Q4>(const Args& args, Team team);

}  // namespace membound::cpu
#endif

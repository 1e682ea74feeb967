// SPDX-License-Identifier: Apache-2.0
// Many tokens on matrix units: a block has a tile of outputs and goes through k step by step. Both
// operands become bf16 in shared memory, in pieces of 8 elements that a lane takes as they are; the
// next step's come from memory while the units work on this one's.
#pragma once

#include "benches/inference/kernels/matmul.gpu.h"
#include "benches/inference/kernels/matrix_unit.gpu.h"

namespace membound::gpu {

inline constexpr int kTileThreads = 256;
inline constexpr int kTileRows = 128;
inline constexpr int kPieces = kUnitDepth / 8;  // of a row or token in a step

// 8 elements of a row of weights: loaded, and later turned into bf16. Quantised ones are rounded to
// it; f16 are two.
template <typename T, bool kWhole>
struct WeightPiece {
  static constexpr int kParts = std::is_same_v<T, F16> ? 2 : 1;
  uint32_t words[kUnitWords];
  float values[8];

  __device__ void load(const Matmul& m, int64_t row, int64_t k) {
    row = row < m.n ? row : m.n - 1;
    const auto* data = static_cast<const uint8_t*>(m.w) + row * row_bytes<T>(m.k);
    if constexpr (!kWhole) {
      for (int i = 0; i < 8; ++i) values[i] = k + i < m.k ? value(m, row, k + i) : 0.0f;
    } else if constexpr (kQuantised<T>) {
      constexpr bool kNibbles = std::is_same_v<T, Q4>;
      const int64_t byte = kNibbles ? k / 128 * 64 + k % 64 : k;
      const auto vector = gpu::load<2>(reinterpret_cast<const uint32_t*>(data + byte));
      words[0] = kNibbles ? vector[0] >> k % 128 / 64 * 4 & 0x0f0f0f0fu : vector[0];
      words[1] = kNibbles ? vector[1] >> k % 128 / 64 * 4 & 0x0f0f0f0fu : vector[1];
      values[0] = QuantisedRow<T>{data, m.k / kScaleBlock}.scale(k / kScaleBlock);
    } else {
      const auto vector = gpu::load<4>(reinterpret_cast<const uint32_t*>(data + k * 2));
#pragma unroll
      for (int i = 0; i < kUnitWords; ++i) words[i] = vector[i];
    }
  }

  __device__ void parts(uint32_t (&out)[2][kUnitWords]) const {
    if constexpr (!kWhole) {
      to_bf16<2>(values, out);
    } else if constexpr (kQuantised<T>) {
      float scaled[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) scaled[i] = values[0] * byte_of(words[i / 4], i % 4, T::kOffset);
      to_bf16<1>(scaled, out);
    } else if constexpr (kParts == 2) {
      split_f16(words, out);
    } else {
#pragma unroll
      for (int i = 0; i < kUnitWords; ++i) out[0][i] = words[i];
    }
  }

 private:
  __device__ static float value(const Matmul& m, int64_t row, int64_t k) {
    if constexpr (kQuantised<T>) {
      const auto* data = static_cast<const uint8_t*>(m.w) + row * row_bytes<T>(m.k);
      const QuantisedRow<T> blocks = {data, m.k / kScaleBlock};
      return blocks.scale(k / kScaleBlock) * static_cast<float>(blocks.element(k));
    } else {
      return widen(static_cast<const T*>(m.w)[row * m.k + k]);
    }
  }
};

// The same of a token's activations.
template <bool kWhole>
struct TokenPiece {
  float values[8];

  __device__ void load(const Matmul& m, int64_t token, int64_t k) {
    const float* x = m.input(token < m.tokens ? token : m.tokens - 1) + k;
    if constexpr (kWhole) {
      const auto low = gpu::load<4>(x), high = gpu::load<4>(x + 4);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        values[i] = low[i];
        values[4 + i] = high[i];
      }
    } else {
      for (int i = 0; i < 8; ++i) values[i] = k + i < m.k ? x[i] : 0.0f;
    }
  }
};

// kTokenTiles: of a warp's units.
template <typename T, int kTokenTiles, bool kWhole>
class UnitTiles {
 public:
  static constexpr int kParts = WeightPiece<T, kWhole>::kParts;
  static constexpr int kUnits = kTileThreads / kUnitLanes, kRowUnits = 2;
  static constexpr int kTokenUnits = kUnits / kRowUnits;
  static constexpr int kRowTiles = kTileRows / kRowUnits / kUnitRows;
  static constexpr int kTokens = kTokenUnits * kTokenTiles * kUnitTokens;

  // One step's operands in shared memory.
  struct alignas(16) Stage {
    uint32_t w[kParts][kTileRows * kPieces][kUnitWords];
    uint32_t x[kParts][kTokens * kPieces][kUnitWords];
  };

  __device__ UnitTiles(const Matmul& m, int64_t first_row, int64_t first_token)
      : m_(m),
        first_row_(first_row),
        first_token_(first_token),
        lane_{static_cast<int>(threadIdx.x) % kUnitLanes} {}

  __device__ void load_weights(int64_t step) {
#pragma unroll
    for (int i = 0; i < kWeightPieces; ++i) {
      const int at = piece(i);
      w_[i].load(m_, first_row_ + at / kPieces, step * kUnitDepth + at % kPieces * 8);
    }
  }
  __device__ void load_tokens(int64_t step) {
#pragma unroll
    for (int i = 0; i < kTokenPieces; ++i) {
      const int at = piece(i);
      x_[i].load(m_, first_token_ + at / kPieces, step * kUnitDepth + at % kPieces * 8);
    }
  }
  __device__ void keep(Stage& stage) const {
    uint32_t parts[2][kUnitWords];
#pragma unroll
    for (int i = 0; i < kWeightPieces; ++i) {
      w_[i].parts(parts);
      for (int p = 0; p < kParts; ++p) write(stage.w[p], piece(i), parts[p]);
    }
#pragma unroll
    for (int i = 0; i < kTokenPieces; ++i) {
      to_bf16<kParts>(x_[i].values, parts);
      for (int p = 0; p < kParts; ++p) write(stage.x[p], piece(i), parts[p]);
    }
  }

  __device__ void use(const Stage& stage) {
    const int unit = threadIdx.x / kUnitLanes;
    const int row = unit % kRowUnits * kRowTiles * kUnitRows;
    const int token = unit / kRowUnits * kTokenTiles * kUnitTokens;
    const int piece = lane_.depth() / 8;
    UnitTokens x[kParts][kTokenTiles];
#pragma unroll
    for (int p = 0; p < kParts; ++p) {
#pragma unroll
      for (int t = 0; t < kTokenTiles; ++t) {
        read(stage.x[p], token + t * kUnitTokens + lane_.token(), piece, x[p][t].words);
      }
    }
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
      for (int p = 0; p < kParts; ++p) {
        UnitWeights w;
#pragma unroll
        for (int i = 0; i < kUnitLoads; ++i) {
          read(stage.w[p], row + r * kUnitRows + lane_.row(i), piece, w.words[i]);
        }
#pragma unroll
        for (int q = 0; q < kParts; ++q) {
#pragma unroll
          for (int t = 0; t < kTokenTiles; ++t) multiply(w, x[q][t], sums_[r][t]);
        }
      }
    }
  }

  __device__ void write_outputs() const {
    const int unit = threadIdx.x / kUnitLanes;
    const int64_t first_row = first_row_ + unit % kRowUnits * kRowTiles * kUnitRows;
    const int64_t first_token = first_token_ + unit / kRowUnits * kTokenTiles * kUnitTokens;
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r) {
#pragma unroll
      for (int t = 0; t < kTokenTiles; ++t) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int64_t row = first_row + r * kUnitRows + lane_.sum_row(i);
          const int64_t token = first_token + t * kUnitTokens + lane_.sum_token(i);
          if (row < m_.n && token < m_.tokens) m_.output(token, row, sums_[r][t].lane[i]);
        }
      }
    }
  }

 private:
  static constexpr int kWeightPieces = kTileRows * kPieces / kTileThreads;
  static constexpr int kTokenPieces = kTokens * kPieces / kTileThreads;

  __device__ static int piece(int i) { return static_cast<int>(threadIdx.x) + i * kTileThreads; }

  // Where piece `at` of row or token `row` lies, so that neither those of 8 rows nor all of two
  // rows meet in a bank.
  __device__ static int place(int row, int at) { return row * kPieces + (at ^ (row >> 1 & 3)); }

  __device__ static void write(uint32_t (*stage)[kUnitWords], int piece,
                               const uint32_t (&words)[kUnitWords]) {
    store(stage[place(piece / kPieces, piece % kPieces)],
          Vector<uint32_t, 4>{{words[0], words[1], words[2], words[3]}});
  }
  __device__ static void read(const uint32_t (*stage)[kUnitWords], int row, int at,
                              uint32_t (&words)[kUnitWords]) {
    const auto vector = gpu::load<4>(stage[place(row, at)]);
#pragma unroll
    for (int i = 0; i < kUnitWords; ++i) words[i] = vector[i];
  }

  const Matmul& m_;
  const int64_t first_row_, first_token_;
  const UnitLane lane_;
  WeightPiece<T, kWhole> w_[kWeightPieces];
  TokenPiece<kWhole> x_[kTokenPieces];
  UnitSums sums_[kRowTiles][kTokenTiles] = {};
};

template <typename T, int kTokenTiles, bool kWhole>
__global__ void __launch_bounds__(kTileThreads) unit_tiles(Matmul m) {
  using Tiles = UnitTiles<T, kTokenTiles, kWhole>;
  __shared__ typename Tiles::Stage stages[2];
  let_next_start();
  Tiles tiles(m, int64_t{blockIdx.x} * kTileRows, int64_t{blockIdx.y} * Tiles::kTokens);
  const int64_t steps = (m.k + kUnitDepth - 1) / kUnitDepth;
  tiles.load_weights(0);
  wait_for_previous();
  tiles.load_tokens(0);
  tiles.keep(stages[0]);
  __syncthreads();
  for (int64_t step = 0; step < steps; ++step) {
    if (step + 1 < steps) {
      tiles.load_weights(step + 1);
      tiles.load_tokens(step + 1);
    }
    tiles.use(stages[step % 2]);
    if (step + 1 < steps) tiles.keep(stages[(step + 1) % 2]);
    __syncthreads();
  }
  tiles.write_outputs();
}

}  // namespace membound::gpu

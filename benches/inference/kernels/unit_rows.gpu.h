// SPDX-License-Identifier: Apache-2.0
// A block takes some rows of weights with up to 32 tokens at a time on matrix units. Weights go
// from memory to the units' registers; the block's warps take turns along k, so that even few rows
// fill the device, and meet at the end. Activations come from the caches in f32 and are cut into
// one or two bf16; two leave an error of 2^-17. Quantised elements are whole numbers, which bf16
// holds, and a step is a block of them: its sums times the scale are added up in f32.
//
// What matters is that activations, which each block reads, are less than its weights, and 16-byte
// loads in flight: a thread has the next 64 to 128 bytes of weights under way as it uses the last.
#pragma once

#include "benches/inference/kernels/matmul.gpu.h"
#include "benches/inference/kernels/matrix_unit.gpu.h"

namespace membound::gpu {

inline constexpr int kUnitThreads = 256;

// What a lane loads of kUnitRows rows, some steps at a time, and turns into a step's operands.
// kParts: bf16 of a weight; kSwap: to_bf16()'s order of activations; k must be whole steps.
template <typename T>
struct PlainChunk {
  static constexpr int kSteps = 2, kParts = std::is_same_v<T, F16> ? 2 : 1;
  static constexpr bool kSwap = false;
  uint32_t words[kUnitLoads][kSteps][kUnitWords];

  __device__ void load(const Matmul& m, int64_t first, UnitLane lane, int64_t chunk) {
#pragma unroll
    for (int i = 0; i < kUnitLoads; ++i) {
      const int64_t row = first + lane.row(i) < m.n ? first + lane.row(i) : m.n - 1;
      const T* from =
          static_cast<const T*>(m.w) + row * m.k + chunk * kSteps * kUnitDepth + lane.depth();
#pragma unroll
      for (int s = 0; s < kSteps; ++s) {
        const auto vector = load_once<4>(reinterpret_cast<const uint32_t*>(from + s * kUnitDepth));
#pragma unroll
        for (int j = 0; j < 4; ++j) words[i][s][j] = vector[j];
      }
    }
  }
  __device__ void operands(int step, UnitWeights (&parts)[kParts]) const {
#pragma unroll
    for (int i = 0; i < kUnitLoads; ++i) {
      if constexpr (kParts == 1) {
#pragma unroll
        for (int j = 0; j < kUnitWords; ++j) parts[0].words[i][j] = words[i][step][j];
      } else {
        uint32_t split[2][kUnitWords];
        split_f16(words[i][step], split);
#pragma unroll
        for (int j = 0; j < kUnitWords; ++j) {
          parts[0].words[i][j] = split[0][j];
          parts[1].words[i][j] = split[1][j];
        }
      }
    }
  }
  __device__ float scale(int, int) const { return 1; }
};

// Two blocks of q8_0, or a group of q4_0, whose bytes hold four.
template <typename Q>
struct QuantisedChunk {
  static constexpr int kSteps = 2 * kScaleBlock / Q::kBlockBytes, kParts = 1;
  static constexpr bool kSwap = std::is_same_v<Q, Q4>;
  uint32_t words[kUnitLoads][2][2];
  uint32_t scales[kSumRows][kSteps / 2];

  __device__ void load(const Matmul& m, int64_t first, UnitLane lane, int64_t chunk) {
    const auto row_at = [&](int in) {
      const int64_t row = first + in < m.n ? first + in : m.n - 1;
      return static_cast<const uint8_t*>(m.w) + row * row_bytes<Q>(m.k);
    };
#pragma unroll
    for (int i = 0; i < kUnitLoads; ++i) {
      const uint8_t* from = row_at(lane.row(i)) + chunk * 64 + lane.depth();
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const auto vector = load_once<2>(reinterpret_cast<const uint32_t*>(from + h * 32));
        words[i][h][0] = vector[0];
        words[i][h][1] = vector[1];
      }
    }
    const int64_t scales_at = m.k / kScaleBlock * Q::kBlockBytes + chunk * kSteps * 2;
#pragma unroll
    for (int i = 0; i < kSumRows; ++i) {
      const auto* from =
          reinterpret_cast<const uint32_t*>(row_at(lane.sum_row(i * 4 / kSumRows)) + scales_at);
      const auto vector = load_once<kSteps / 2>(from);
#pragma unroll
      for (int j = 0; j < kSteps / 2; ++j) scales[i][j] = vector[j];
    }
  }
  __device__ void operands(int step, UnitWeights (&parts)[1]) const {
#pragma unroll
    for (int i = 0; i < kUnitLoads; ++i) {
      if constexpr (kSwap) {
        nibbles_to_bf16(words[i][step % 2], step / 2 * 4, parts[0].words[i]);
      } else {
        bytes_to_bf16(words[i][step], parts[0].words[i]);
      }
    }
  }
  // Of sum i.
  __device__ float scale(int step, int i) const {
    return widen(F16{static_cast<uint16_t>(scales[i * kSumRows / 4][step / 2] >> step % 2 * 16)});
  }
};

// Any type, any k: a step, element by element.
template <typename T>
struct OddChunk {
  static constexpr int kSteps = 1, kParts = std::is_same_v<T, F16> ? 2 : 1;
  static constexpr bool kSwap = false;
  UnitWeights loaded[kParts];
  float scales[4];

  __device__ void load(const Matmul& m, int64_t first, UnitLane lane, int64_t step) {
    const int64_t k = step * kUnitDepth + lane.depth();
    for (int i = 0; i < kUnitLoads; ++i) {
      const int64_t row = first + lane.row(i) < m.n ? first + lane.row(i) : m.n - 1;
      float values[8];
      for (int e = 0; e < 8; ++e) values[e] = k + e < m.k ? value(m, row, k + e) : 0.0f;
      uint32_t split[2][kUnitWords];
      to_bf16<2>(values, split);
      for (int part = 0; part < kParts; ++part) {
        for (int j = 0; j < kUnitWords; ++j) loaded[part].words[i][j] = split[part][j];
      }
    }
    for (int i = 0; i < 4; ++i) {
      const int64_t row = first + lane.sum_row(i) < m.n ? first + lane.sum_row(i) : m.n - 1;
      if constexpr (kQuantised<T>) scales[i] = row_of(m, row).scale(step);
    }
  }
  __device__ void operands(int, UnitWeights (&parts)[kParts]) const {
    for (int part = 0; part < kParts; ++part) parts[part] = loaded[part];
  }
  __device__ float scale(int, int i) const { return scales[i]; }

 private:
  __device__ static QuantisedRow<T> row_of(const Matmul& m, int64_t row) {
    return {static_cast<const uint8_t*>(m.w) + row * row_bytes<T>(m.k), m.k / kScaleBlock};
  }
  __device__ static float value(const Matmul& m, int64_t row, int64_t k) {
    if constexpr (kQuantised<T>) {
      return static_cast<float>(row_of(m, row).element(k));
    } else {
      return widen(static_cast<const T*>(m.w)[row * m.k + k]);
    }
  }
};

// Activations [k, k + 8) of a token, as parts; zeros beyond the row.
template <int kParts, bool kSwap, bool kWhole>
__device__ void load_tokens(const float* x, int64_t k, int64_t width,
                            uint32_t (&parts)[2][kUnitWords]) {
  float values[8];
  if constexpr (kWhole) {
    const auto low = load<4>(x + k), high = load<4>(x + k + 4);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      values[i] = low[i];
      values[4 + i] = high[i];
    }
  } else {
    for (int i = 0; i < 8; ++i) values[i] = k + i < width ? x[k + i] : 0.0f;
  }
  to_bf16<kParts, kSwap>(values, parts);
}

// kTiles tiles of rows by kTokenTiles tiles of tokens; kXParts bf16 of an activation.
template <typename Chunk, typename T, int kTiles, int kTokenTiles, int kXParts>
class UnitRows {
 public:
  static constexpr int kRows = kTiles * kUnitRows, kTokens = kTokenTiles * kUnitTokens;

  __device__ UnitRows(const Matmul& m, int64_t first_row)
      : m_(m), first_row_(first_row), lane_{static_cast<int>(threadIdx.x) % kUnitLanes} {}

  // The first weights, which depend on no other launch.
  __device__ void begin() {
    if (turn(0) < chunks()) fetch(next_, turn(0));
  }

  // Tokens [first, first + kTokens), after begin(). The whole block calls it.
  __device__ void run(int64_t first) {
    const float* x[kTokenTiles];
#pragma unroll
    for (int t = 0; t < kTokenTiles; ++t) {
      const int64_t token = first + t * kUnitTokens + lane_.token();
      x[t] = m_.input(token < m_.tokens ? token : m_.tokens - 1);
    }
    UnitSums sums[kTiles][kTokenTiles] = {};
    for (int64_t i = 0; i * kTurns < chunks(); ++i) {
      Chunk now[kTiles];
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) now[tile] = next_[tile];
      if (turn(i + 1) < chunks()) fetch(next_, turn(i + 1));
      use(now, turn(i), x, sums);
    }
    write(first, sums);
  }

 private:
  static constexpr int kTurns = kUnitThreads / kUnitLanes;  // warps that share k
  static constexpr bool kWhole = Chunk::kSteps > 1;

  __device__ int64_t chunks() const {
    constexpr int kDepth = Chunk::kSteps * kUnitDepth;
    return (m_.k + kDepth - 1) / kDepth;
  }
  __device__ int64_t turn(int64_t i) const { return i * kTurns + threadIdx.x / kUnitLanes; }

  __device__ void fetch(Chunk (&chunks)[kTiles], int64_t chunk) {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      chunks[tile].load(m_, first_row_ + tile * kUnitRows, lane_, chunk);
    }
  }

  __device__ void use(const Chunk (&now)[kTiles], int64_t chunk, const float* const* x,
                      UnitSums (&sums)[kTiles][kTokenTiles]) {
#pragma unroll
    for (int step = 0; step < Chunk::kSteps; ++step) {
      UnitWeights w[kTiles][Chunk::kParts];
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) now[tile].operands(step, w[tile]);
      const int64_t k = (chunk * Chunk::kSteps + step) * kUnitDepth + lane_.depth();
#pragma unroll
      for (int t = 0; t < kTokenTiles; ++t) {
        uint32_t parts[2][kUnitWords];
        // A turn too many adds nothing: all warps take equally many, as emulated units must.
        load_tokens<kXParts, Chunk::kSwap, kWhole>(x[t], k < m_.k ? k : 0, k < m_.k ? m_.k : 0,
                                                   parts);
        if (k >= m_.k) clear(parts);
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
          multiply_parts(now[tile], step, w[tile], parts, sums[tile][t]);
        }
      }
    }
  }

  __device__ static void clear(uint32_t (&parts)[2][kUnitWords]) {
    for (int i = 0; i < kUnitWords; ++i) parts[0][i] = parts[1][i] = 0;
  }

  __device__ static void multiply_parts(const Chunk& chunk, int step,
                                        const UnitWeights (&w)[Chunk::kParts],
                                        const uint32_t (&parts)[2][kUnitWords], UnitSums& sums) {
    UnitSums whole = {};
#pragma unroll
    for (int p = 0; p < kXParts; ++p) {
      UnitTokens x;
#pragma unroll
      for (int i = 0; i < kUnitWords; ++i) x.words[i] = parts[p][i];
#pragma unroll
      for (int q = 0; q < Chunk::kParts; ++q) {
        multiply(w[q], x, kQuantised<T> ? whole : sums);
      }
    }
    if constexpr (kQuantised<T>) {
#pragma unroll
      for (int i = 0; i < 4; ++i) sums.lane[i] += chunk.scale(step, i) * whole.lane[i];
    }
  }

  // Sums over the warps, a tile of rows at a time.
  __device__ void write(int64_t first_token, const UnitSums (&sums)[kTiles][kTokenTiles]) {
    __shared__ UnitSums parts[kTurns][kTokenTiles][kUnitLanes];
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
      for (int t = 0; t < kTokenTiles; ++t) {
        parts[threadIdx.x / kUnitLanes][t][lane_.lane] = sums[tile][t];
      }
      __syncthreads();
      for (int i = threadIdx.x; i < kTokenTiles * kUnitLanes * 4; i += kUnitThreads) {
        const UnitLane lane = {i / 4 % kUnitLanes};
        const int t = i / 4 / kUnitLanes;
        const int64_t row = first_row_ + tile * kUnitRows + lane.sum_row(i % 4);
        const int64_t token = first_token + t * kUnitTokens + lane.sum_token(i % 4);
        float sum = 0;
        for (int turn = 0; turn < kTurns; ++turn) sum += parts[turn][t][lane.lane].lane[i % 4];
        if (row < m_.n && token < m_.tokens) m_.output(token, row, sum);
      }
      __syncthreads();
    }
  }

  const Matmul& m_;
  const int64_t first_row_;
  const UnitLane lane_;
  Chunk next_[kTiles] = {};
};

// The fewest parts that keep an error of 2^-17 where units would idle anyhow: two for few tokens.
// f16 keeps its mantissa with any number of them.
template <typename T>
__host__ __device__ constexpr int activation_parts(int tokens) {
  return tokens <= 16 || std::is_same_v<T, F16> ? 2 : 1;
}

// Rows from `first_row` on, kTiles tiles, with all tokens, kTokens at a time.
template <typename T, int kTiles, int kTokens, bool kWhole>
__device__ void rows_by_units(const Matmul& m, int64_t first_row) {
  constexpr int kTokenTiles = kTokens < kUnitTokens ? 1 : kTokens / kUnitTokens;
  using Whole = std::conditional_t<kQuantised<T>, QuantisedChunk<T>, PlainChunk<T>>;
  using Chunk = std::conditional_t<kWhole, Whole, OddChunk<T>>;
  let_next_start();
  UnitRows<Chunk, T, kTiles, kTokenTiles, activation_parts<T>(kTokens)> rows(m, first_row);
  rows.begin();
  wait_for_previous();
  for (int64_t token = 0; token < m.tokens; token += rows.kTokens) {
    if (token > 0) rows.begin();
    rows.run(token);
  }
}

// Blocks an SM, which bound a thread's registers: more where a block has less in flight.
constexpr int unit_blocks(int tiles, int tokens) { return tiles * tokens <= 16 ? 2 : 1; }

// Whether rows of k elements are whole chunks, and their vectors where loads want them.
template <typename T>
bool whole_chunks(int64_t k) {
  return k % (kQuantised<T> ? 4 * kScaleBlock : 2 * kUnitDepth) == 0;
}

}  // namespace membound::gpu

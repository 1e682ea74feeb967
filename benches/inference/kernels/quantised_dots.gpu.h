// SPDX-License-Identifier: Apache-2.0
// Rows of quantised weights with one token, by instructions that multiply four bytes at once.
// Activations are two int8 with a scale for each block of 32, 128 * first + second, as on the CPU
// (vnni.h): that costs two products a weight and is nearly exact.
//
// In f32 a weight of q4_0 would take three instructions, and an H200 that reads as fast as it can
// has three and a half to spend; so it takes about one and a quarter. A block rounds the token once
// and keeps it in shared memory, while the first weights are on their way; waves then take rows,
// and the next weights are asked for before the last ones are used.
#pragma once

#include "benches/inference/kernels/matmul.gpu.h"

namespace membound::gpu {

inline constexpr int kIntegerThreads = 512;  // of a block, two blocks an SM
inline constexpr float kTwoLevels = 127 * 128;

// sum + the products of four int8 each.
__device__ inline int dot4(uint32_t a, uint32_t b, int sum) {
#if defined(__CUDACC__)
  return __dp4a(static_cast<int>(a), static_cast<int>(b), sum);
#elif defined(__HIP_DEVICE_COMPILE__)
  return __builtin_amdgcn_sdot4(static_cast<int>(a), static_cast<int>(b), sum, false);
#else
  for (int i = 0; i < 32; i += 8) {
    sum += static_cast<int8_t>(a >> i & 255u) * static_cast<int8_t>(b >> i & 255u);
  }
  return sum;
#endif
}

// A vector is 16 bytes of a row: 16 elements of q8_0, two times 16 of q4_0, whose nibbles belong to
// two blocks, or to one among the last, which are too few for a group.
template <typename Q>
struct Vectors {
  static constexpr int kHalves = kScaleBlock / Q::kBlockBytes;
  int64_t blocks;

  __host__ __device__ int64_t count() const { return blocks * Q::kBlockBytes / 16; }
  __device__ int64_t grouped() const { return blocks / kGroupBlocks * kGroupBlocks; }
  // Of the elements that it holds from `first(vector, half)` on.
  __device__ int64_t first(int64_t vector, int half) const {
    if constexpr (kHalves == 1) {
      return vector * 16;
    } else if (vector < grouped()) {
      return vector / 4 * 128 + half * 64 + vector % 4 * 16;
    } else {
      return vector * 32 + half * 16;
    }
  }
  // Vector and half that elements [16 * i, 16 * i + 16) belong to.
  __device__ int64_t vector_of(int64_t i) const {
    if constexpr (kHalves == 1) return i;
    return i / 2 < grouped() ? i / 8 * 4 + i % 4 : i / 2;
  }
  __device__ int half_of(int64_t i) const {
    if constexpr (kHalves == 1) return 0;
    return static_cast<int>(i / 2 < grouped() ? i % 8 / 4 : i % 2);
  }
};

// The token in shared memory: for each half and vector two parts of 16 int8, and scale and offset
// of its integer sum.
template <typename Q>
class IntegerToken {
 public:
  static constexpr int kHalves = Vectors<Q>::kHalves;
  static constexpr int64_t bytes(int64_t k) { return 2 * k + k / 16 * 8; }

  __device__ IntegerToken(void* memory, int64_t k)
      : vectors_{k / kScaleBlock},
        words_(static_cast<uint32_t*>(memory)),
        scales_(reinterpret_cast<float*>(words_ + k / 2)) {}

  // The whole block calls it, and then waits.
  __device__ void round(const float* x, int64_t k) {
    constexpr float kMost = kTwoLevels;
    for (int64_t base = 0; base < k / 4; base += blockDim.x) {
      // Eight threads have a block, four each scale and offset.
      const int64_t i = base + threadIdx.x;
      Vector<float, 4> v = {};
      if (i < k / 4) v = load<4>(x + 4 * i);
      float largest = 0;
      for (int j = 0; j < 4; ++j) largest = fmaxf(largest, fabsf(v[j]));
      largest = join_group<Max>(largest, 8);
      const float inverse = largest > 0 ? kMost / largest : 0.0f;
      uint32_t first = 0, second = 0;
      int sum = 0;
      for (int j = 0; j < 4; ++j) {
        const int whole = static_cast<int>(rintf(v[j] * inverse));
        const int upper = (whole + 64) >> 7;
        first |= (static_cast<uint32_t>(upper) & 255u) << 8 * j;
        second |= (static_cast<uint32_t>(whole - upper * 128) & 255u) << 8 * j;
        sum += whole;
      }
      sum = join_group<Sum>(sum, 4);
      if (i >= k / 4) continue;
      const int64_t vector = vectors_.vector_of(i / 4);
      const int half = vectors_.half_of(i / 4);
      part(0, half)[vector * 4 + i % 4] = first;
      part(1, half)[vector * 4 + i % 4] = second;
      if (i % 4 != 0) continue;
      // Elements of q8_0 become signed; q4_0's nibbles are 8 too large.
      const float scale = largest / kMost;
      float* at = scales(half) + vector * 2;
      at[0] = scale;
      at[1] = kHalves == 1 ? 0.0f : -8.0f * scale * static_cast<float>(sum);
    }
  }

  __device__ uint32_t* part(int part, int half) const {
    return words_ + (part * kHalves + half) * vectors_.count() * 4;
  }
  __device__ float* scales(int half) const { return scales_ + half * vectors_.count() * 2; }

 private:
  Vectors<Q> vectors_;
  uint32_t* words_;
  float* scales_;
};

// What a thread has of kRows rows at one time.
template <typename Q, int kRows, bool kAligned>
struct IntegerBatch {
  static constexpr int kUnroll = 4 / kRows;
  static constexpr int kHalves = Vectors<Q>::kHalves;
  uint32_t words[kUnroll][kRows][4];
  uint16_t scales[kUnroll][kRows][kHalves];

  // Vectors from `vector` on, wave_size() apart, of rows from `first` on.
  __device__ void load(const Matmul& m, int64_t first, int64_t vector) {
    const Vectors<Q> vectors = {m.k / kScaleBlock};
#pragma unroll
    for (int u = 0; u < kUnroll; ++u, vector += wave_size()) {
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const int64_t row = first + r < m.n ? first + r : m.n - 1;
        const auto* data = static_cast<const uint8_t*>(m.w) + row * row_bytes<Q>(m.k);
        if (vector >= vectors.count()) continue;
        load_vector(data + vector * 16, words[u][r]);
        const auto* halves =
            reinterpret_cast<const uint16_t*>(data + vectors.blocks * Q::kBlockBytes);
#pragma unroll
        for (int h = 0; h < kHalves; ++h) {
          scales[u][r][h] = halves[vectors.first(vector, h) / kScaleBlock];
        }
      }
    }
  }

 private:
  __device__ static void load_vector(const uint8_t* from, uint32_t* out) {
    if constexpr (kAligned) {
      const auto vector = load_once<4>(reinterpret_cast<const uint32_t*>(from));
#pragma unroll
      for (int i = 0; i < 4; ++i) out[i] = vector[i];
    } else {  // rows of an odd number of blocks begin at any even byte
      const auto* pairs = reinterpret_cast<const uint16_t*>(from);
      for (int i = 0; i < 4; ++i) out[i] = pairs[2 * i] | uint32_t{pairs[2 * i + 1]} << 16;
    }
  }
};

// Adds a batch's vectors, from `vector` on, to the rows' sums.
template <typename Q, int kRows, bool kAligned>
__device__ void add_integers(const IntegerBatch<Q, kRows, kAligned>& batch,
                             const IntegerToken<Q>& token, int64_t vector, int64_t count,
                             float (&sums)[kRows]) {
  constexpr int kHalves = Vectors<Q>::kHalves;
#pragma unroll
  for (int u = 0; u < batch.kUnroll; ++u, vector += wave_size()) {
    if (vector >= count) continue;
#pragma unroll
    for (int h = 0; h < kHalves; ++h) {
      const auto first = load<4>(token.part(0, h) + vector * 4);
      const auto second = load<4>(token.part(1, h) + vector * 4);
      const auto scale = load<2>(token.scales(h) + vector * 2);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        int a = 0, b = 0;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const uint32_t word = batch.words[u][r][j];
          const uint32_t bytes = kHalves == 1 ? word ^ 0x80808080u : word >> 4 * h & 0x0f0f0f0fu;
          a = dot4(bytes, first[j], a);
          b = dot4(bytes, second[j], b);
        }
        const float sum = static_cast<float>(a * 128 + b) * scale[0] + scale[1];
        sums[r] += widen(F16{batch.scales[u][r][h]}) * sum;
      }
    }
  }
}

// The rows of block `block` of `blocks`, kRows to a wave and pass, with the only token. `memory`:
// IntegerToken's bytes of shared memory.
template <typename Q, int kRows, bool kAligned>
__device__ void rows_by_integers(const Matmul& m, int64_t block, int64_t blocks, void* memory) {
  let_next_start();
  const int64_t count = Vectors<Q>{m.k / kScaleBlock}.count();
  const int wave = threadIdx.x / wave_size(), lane = threadIdx.x % wave_size();
  const int64_t rows = int64_t{blockDim.x} / wave_size() * kRows;  // of a block and pass
  const int64_t passes = (m.n - block * rows + blocks * rows - 1) / (blocks * rows);
  using Batch = IntegerBatch<Q, kRows, kAligned>;
  const int64_t width = int64_t{wave_size()} * Batch::kUnroll;
  const int64_t batches = (count + width - 1) / width;
  const auto first_row = [&](int64_t pass) {
    return (pass * blocks + block) * rows + wave * kRows;
  };
  Batch now, next;
  now.load(m, first_row(0), lane);
  wait_for_previous();
  IntegerToken<Q> token(memory, m.k);
  token.round(m.input(0), m.k);
  __syncthreads();
  float sums[kRows] = {};
  for (int64_t pass = 0, batch = 0; pass < passes;) {
    const bool last = batch + 1 == batches;
    const int64_t next_pass = last ? pass + 1 : pass, next_batch = last ? 0 : batch + 1;
    if (next_pass < passes) next.load(m, first_row(next_pass), next_batch * width + lane);
    add_integers(now, token, batch * width + lane, count, sums);
    if (last) {
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const float sum = join_group<Sum>(sums[r], wave_size());
        const int64_t row = first_row(pass) + r;
        if (lane == 0 && row < m.n) m.output(0, row, sum);
        sums[r] = 0;
      }
    }
    now = next;
    pass = next_pass;
    batch = next_batch;
  }
}

}  // namespace membound::gpu

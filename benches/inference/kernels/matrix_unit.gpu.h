// SPDX-License-Identifier: Apache-2.0
// Matrix units that multiply bf16 and add in f32: mma.sync on NVIDIA, MFMA on CDNA. A step is 16
// rows of weights times some tokens over 32 elements of k.
//
// Units fix which lane holds which row and which token, but any order of k will do that both
// operands share. Here a lane holds 8 elements that follow one another, so that it gets them from
// memory by one load of 16 bytes, and weights need no way through shared memory:
//
//             lanes  weights of a lane                 activations of a lane
//   mma.sync     32  rows lane / 4 and 8 + lane / 4    token lane / 4     k: 8 * (lane % 4)
//   MFMA         64  row lane % 16                     token lane % 16    k: 8 * (lane / 16)
#pragma once

#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {

inline constexpr int kUnitRows = 16;   // of weights
inline constexpr int kUnitDepth = 32;  // elements of k of a step
inline constexpr int kUnitWords = 4;   // that hold a lane's 8 bf16 of a row or token

#if defined(__CUDACC__)
inline constexpr int kUnitLanes = 32;
#elif defined(MEMBOUND_UNIT_LANES)  // tests mma.sync's arrangement where no unit exists
inline constexpr int kUnitLanes = MEMBOUND_UNIT_LANES;
#else
inline constexpr int kUnitLanes = 64;
#endif
inline constexpr int kUnitTokens = kUnitLanes / 4;
inline constexpr int kUnitLoads = 64 / kUnitLanes;  // rows of weights that a lane holds

// Where a lane's operands and sums belong.
struct UnitLane {
  int lane;

  __device__ int row(int load) const { return kUnitLanes == 32 ? lane / 4 + 8 * load : lane % 16; }
  __device__ int depth() const { return 8 * (kUnitLanes == 32 ? lane % 4 : lane / 16); }
  __device__ int token() const { return kUnitLanes == 32 ? lane / 4 : lane % 16; }
  // Of sum i of four.
  __device__ int sum_row(int i) const {
    return kUnitLanes == 32 ? lane / 4 + 8 * (i / 2) : 4 * (lane / 16) + i;
  }
  __device__ int sum_token(int i) const {
    return kUnitLanes == 32 ? 2 * (lane % 4) + i % 2 : lane % 16;
  }
};

// The rows among a lane's sums: sum i is of row kSumRows * i / 4 of them.
inline constexpr int kSumRows = kUnitLanes == 32 ? 2 : 4;

struct UnitWeights {
  uint32_t words[kUnitLoads][kUnitWords];
};
struct UnitTokens {
  uint32_t words[kUnitWords];
};
struct UnitSums {
  float lane[4];
};

// sums += weights . tokens^T over a step.
#if defined(__CUDA_ARCH__)
__device__ inline void multiply(const UnitWeights& w, const UnitTokens& x, UnitSums& sums) {
  float* c = sums.lane;
#pragma unroll
  for (int i = 0; i < kUnitWords; i += 2) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(w.words[0][i]), "r"(w.words[1][i]), "r"(w.words[0][i + 1]), "r"(w.words[1][i + 1]),
          "r"(x.words[i]), "r"(x.words[i + 1]));
  }
}
#elif defined(__HIP_DEVICE_COMPILE__)
__device__ inline void multiply(const UnitWeights& w, const UnitTokens& x, UnitSums& sums) {
  using Elements = short __attribute__((ext_vector_type(4)));
  using Sums = float __attribute__((ext_vector_type(4)));
  struct Pair {
    uint32_t words[2];
  };
  Sums c = __builtin_bit_cast(Sums, sums);
  for (int i = 0; i < kUnitWords; i += 2) {
    const Pair a = {{w.words[0][i], w.words[0][i + 1]}}, b = {{x.words[i], x.words[i + 1]}};
    c = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(__builtin_bit_cast(Elements, a),
                                                  __builtin_bit_cast(Elements, b), c, 0, 0, 0);
  }
  sums = __builtin_bit_cast(UnitSums, c);
}
#else
// Emulated: lanes hand their operands to each other. The whole block has to call this together.
__device__ inline void multiply(const UnitWeights& w, const UnitTokens& x, UnitSums& sums) {
  constexpr int kMostUnits = 1024 / kUnitLanes;
  __shared__ UnitWeights all_weights[kMostUnits][kUnitLanes];
  __shared__ UnitTokens all_tokens[kMostUnits][kUnitLanes];
  const int unit = static_cast<int>(threadIdx.x) / kUnitLanes;
  const UnitLane me = {static_cast<int>(threadIdx.x) % kUnitLanes};
  all_weights[unit][me.lane] = w;
  all_tokens[unit][me.lane] = x;
  __syncthreads();
  for (int other = 0; other < kUnitLanes; ++other) {  // whose weights
    for (int i = 0; i < 4; ++i) {
      const UnitLane from = {other};
      for (int load = 0; load < kUnitLoads; ++load) {
        if (from.row(load) != me.sum_row(i)) continue;
        // The lane with the same k of my sum's token.
        const int token =
            kUnitLanes == 32 ? me.sum_token(i) * 4 + other % 4 : me.sum_token(i) + other / 16 * 16;
        const uint32_t* a = all_weights[unit][other].words[load];
        const uint32_t* b = all_tokens[unit][token].words;
        for (int j = 0; j < kUnitWords; ++j) {
          sums.lane[i] += lower_bf16(a[j]) * lower_bf16(b[j]);
          sums.lane[i] += upper_bf16(a[j]) * upper_bf16(b[j]);
        }
      }
    }
  }
  __syncthreads();
}
#endif

// 8 floats as bf16, or as the sum of two: [part]. `kSwap`: in the order 0 2 1 3 4 6 5 7.
template <int kParts, bool kSwap = false>
__device__ void to_bf16(const float* x, uint32_t (*parts)[kUnitWords]) {
#pragma unroll
  for (int i = 0; i < kUnitWords; ++i) {
    const float low = x[kSwap ? i / 2 * 4 + i % 2 : 2 * i];
    const float high = x[kSwap ? i / 2 * 4 + i % 2 + 2 : 2 * i + 1];
    parts[0][i] = pack_bf16(low, high);
    if constexpr (kParts == 2) {
      parts[1][i] = pack_bf16(low - lower_bf16(parts[0][i]), high - upper_bf16(parts[0][i]));
    }
  }
}

// 8 f16 as two bf16 each, exactly: 11 bits of mantissa are 8 and 3, so the first is cut off.
__device__ inline void split_f16(const uint32_t* halves, uint32_t (*parts)[kUnitWords]) {
#pragma unroll
  for (int i = 0; i < kUnitWords; ++i) {
    const float low = element<F16>(halves, 2 * i), high = element<F16>(halves, 2 * i + 1);
    parts[0][i] = upper_halves(low, high);
    parts[1][i] = upper_halves(low - lower_bf16(parts[0][i]), high - upper_bf16(parts[0][i]));
  }
}

// Byte i of a word as a float, less `offset`: an exponent beside the byte makes it 2^23 + byte.
__device__ inline float byte_of(uint32_t word, int i, float offset) {
#if defined(__CUDA_ARCH__)
  return bits_as<float>(__byte_perm(word, 0x4b000000u, 0x7440u + i)) - (8388608.0f + offset);
#else
  return static_cast<float>(word >> 8 * i & 255u) - offset;
#endif
}

// 8 nibbles, of two words at `shift` (0 or 4), less 8 as bf16 in the order 0 2 1 3 4 6 5 7.
__device__ inline void nibbles_to_bf16(const uint32_t* words, int shift, uint32_t* out) {
#pragma unroll
  for (int i = 0; i < kUnitWords; ++i) {
    const uint32_t pair = words[i / 2] >> (shift + i % 2 * 8) & 0x000f000fu;
#if defined(__CUDA_ARCH__)
    // 128 + nibble fits bf16's mantissa; then times 1 less 136.
    asm("fma.rn.bf16x2 %0, %1, %2, %3;"
        : "=r"(out[i])
        : "r"(pair | 0x43004300u), "r"(0x3f803f80u), "r"(0xc308c308u));
#else
    out[i] = upper_halves(byte_of(pair, 0, 8.0f), byte_of(pair, 2, 8.0f));
#endif
  }
}

// 8 bytes less 128 as bf16, in order.
__device__ inline void bytes_to_bf16(const uint32_t* words, uint32_t* out) {
#pragma unroll
  for (int i = 0; i < kUnitWords; ++i) {
    const int first = i % 2 * 2;
    out[i] = upper_halves(byte_of(words[i / 2], first, 128.0f),
                          byte_of(words[i / 2], first + 1, 128.0f));
  }
}

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// Few tokens by AVX512_VNNI: rows of quantised weights stream by, 64 elements meet 64 activations
// of each token in one instruction, and the sums of two blocks are scaled in one FMA.
//
// Where bytes are waited for anyhow, activations are two int8 and nearly exact; with more tokens
// one.
//
//   y[token][n] = sum over blocks b of  w_scale[n][b] * x_scale[token][b] *
//                     (sum of u[n][i] * q[token][i] - offset * sum of q[token][i])
//
// Fewest bytes: 34 (q8_0) or 18 (q4_0) for each 32 weights; flops: 2 * m * N * K. Beside each dot
// product of 64 bytes stand a conversion, a shuffle of scales and an FMA.
#include "benches/inference/kernels/int8_matmul.h"

#if defined(__x86_64__)
#include "benches/inference/kernels/vnni.h"

namespace membound::cpu {
namespace {

constexpr int64_t kScales = 16;    // blocks whose scales are a vector
constexpr int64_t kLineRows = 16;  // outputs of a line: shares and halves are multiples of them
constexpr int64_t kAhead = 4096;   // bytes that are prefetched ahead

// [token][stride] each, q [part][token][stride]; what is beyond the last block is 0.
struct Activations {
  const uint8_t* q;
  const float* scale;   // a block
  const float* offset;  // a block: -offset * sum of q
  int64_t blocks;       // rounded up to kScales
};

template <typename Q, int kParts>
MEMBOUND_VNNI_CALL Activations pack_activations(const Args& args) {
  static thread_local Bytes memory;
  const int64_t m = args.n[0], width = args.n[2];
  const int64_t blocks = width / kScaleBlock, padded = (blocks + kScales - 1) / kScales * kScales;
  const int64_t part = m * padded * kScaleBlock;
  uint8_t* q = memory.reserve(kParts * part + m * padded * 2 * sizeof(float));
  auto* scale = reinterpret_cast<float*>(q + kParts * part);
  std::fill(q, q + kParts * part, uint8_t{0});
  float* offset = scale + m * padded;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t b = 0; b < padded; ++b) {
      const int64_t at = i * padded + b;
      if (b >= blocks) {
        scale[at] = offset[at] = 0;
        continue;
      }
      const Rounded r = round_block<kParts>(pointer<float>(args, 1) + i * width + b * kScaleBlock,
                                            q + at * kScaleBlock, part);
      scale[at] = r.scale;
      offset[at] = static_cast<float>(-Q::kOffset * r.sum);
    }
  }
  return {q, scale, offset, padded};
}

// Two rows, far apart: one core gets more bytes a second from two streams than from one.
struct Pair {
  const uint8_t* row[2];
};

// The products of up to kScales blocks from `first` on are added to sum[token][row].
template <typename Q, int kTokens, int kParts, bool kWhole>
MEMBOUND_VNNI inline void add_blocks(const Rows<Q>& rows, const Pair& pair, const Activations& x,
                                     int64_t first, __m512 (&sum)[kTokens][2]) {
  const int64_t count = kWhole ? kScales : rows.blocks - first;
  __m512 scale[kTokens][2];
  for (int side = 0; side < 2; ++side) {
    const uint8_t* row = pair.row[side];
    const __m512 w = scales_of(rows.scales(row) + first, count);
    for (int t = 0; t < kTokens; ++t) {
      const int64_t at = t * x.blocks + first;
      scale[t][side] = _mm512_mul_ps(w, _mm512_loadu_ps(x.scale + at));
      sum[t][side] = _mm512_fmadd_ps(scale[t][side], _mm512_loadu_ps(x.offset + at), sum[t][side]);
    }
  }
  constexpr int64_t kPairsOfLine = 64 / (2 * Q::kBlockBytes);
  const int64_t lines = kWhole ? kScales / 2 / kPairsOfLine : (count + 1) / 2;
  __m512i lanes = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  // Not unrolled: GCC would gather the prefetches in one place, where they hold up the loads.
#pragma GCC unroll 1
  for (int64_t line = 0; line < lines; ++line) {
    for (const uint8_t* row : pair.row) {
      _mm_prefetch(row + first * Q::kBlockBytes + line * 64 + kAhead, _MM_HINT_T0);
    }
#pragma GCC unroll 2
    for (int64_t i = 0; i < (kWhole ? kPairsOfLine : 1); ++i) {
      const int64_t p = kWhole ? line * kPairsOfLine + i : line;
      const int64_t block = first + 2 * p;
      __m512i w[2];
      for (int side = 0; side < 2; ++side) {
        const uint8_t* elements = pair.row[side] + first * Q::kBlockBytes;
        w[side] = kWhole ? whole_pair(Q{}, elements + line * 64, i)
                         : pair_of(Q{}, pair.row[side], rows.blocks, block);
      }
      for (int t = 0; t < kTokens; ++t) {
        const __m512i q = _mm512_loadu_si512(x.q + (t * x.blocks + block) * kScaleBlock);
        const __m512i second = _mm512_loadu_si512(
            x.q + ((kParts - 1) * kTokens + t) * x.blocks * kScaleBlock + block * kScaleBlock);
        for (int side = 0; side < 2; ++side) {
          __m512i dot = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w[side], q);
          if constexpr (kParts == 2) {
            dot = _mm512_dpbusd_epi32(_mm512_slli_epi32(dot, 7), w[side], second);
          }
          sum[t][side] = _mm512_fmadd_ps(
              _mm512_cvtepi32_ps(dot), _mm512_permutexvar_ps(lanes, scale[t][side]), sum[t][side]);
        }
      }
      lanes = _mm512_add_epi32(lanes, _mm512_set1_epi32(2));
    }
  }
}

// sums[token][row] of a pair of rows: vectors that are reduced later.
template <typename Q, int kTokens, int kParts>
MEMBOUND_VNNI_CALL void dot_pair(const Rows<Q>& rows, const Pair& pair, const Activations& x,
                                 __m512* sums) {
  // Elements fetch what lies as far ahead of them; as much again as a row has scales is left over.
  const int64_t elements = rows.blocks * Q::kBlockBytes;
  for (const uint8_t* row : pair.row) {
    for (int64_t at = elements; at < rows.row_bytes(); at += 64) {
      _mm_prefetch(row + at + kAhead, _MM_HINT_T0);
    }
  }
  __m512 sum[kTokens][2];
  for (auto& of_token : sum) of_token[0] = of_token[1] = _mm512_setzero_ps();
  int64_t first = 0;
  for (; first + kScales <= rows.blocks; first += kScales) {
    add_blocks<Q, kTokens, kParts, true>(rows, pair, x, first, sum);
  }
  if (first < rows.blocks) add_blocks<Q, kTokens, kParts, false>(rows, pair, x, first, sum);
  for (int t = 0; t < kTokens; ++t) {
    sums[2 * t] = sum[t][0];
    sums[2 * t + 1] = sum[t][1];
  }
}

// The sums of 16 vectors, `stride` apart, to y[0, count). Whole lines go past the caches: a store
// that has to fetch its line holds the stream of weights up.
MEMBOUND_VNNI_CALL void write_rows(const __m512* sums, int64_t stride, int64_t count, bool add,
                                   float* y) {
  __m512i v[kLineRows];
  for (int64_t i = 0; i < kLineRows; ++i) v[i] = _mm512_castps_si512(sums[i * stride]);
  transpose(v);
  __m512 sum[kLineRows];
  for (int64_t i = 0; i < kLineRows; ++i) sum[i] = _mm512_castsi512_ps(v[i]);
  for (int64_t half = kLineRows / 2; half > 0; half /= 2) {
    for (int64_t i = 0; i < half; ++i) sum[i] = _mm512_add_ps(sum[i], sum[i + half]);
  }
  const __mmask16 lanes = first_lanes(count);
  if (add) sum[0] = _mm512_add_ps(sum[0], _mm512_maskz_loadu_ps(lanes, y));
  if (!add && count >= kLineRows && reinterpret_cast<uintptr_t>(y) % 64 == 0) {
    _mm512_stream_ps(y, sum[0]);
  } else {
    _mm512_mask_storeu_ps(y, lanes, sum[0]);
  }
}

// Rows [first, first + pairs) and those `half` further on; of an odd number the middle one is
// paired with itself.
template <typename Q, int kTokens, int kParts>
MEMBOUND_VNNI_CALL void some_pairs(const Args& args, const Activations& x, Range range,
                                   int64_t half, int64_t first, int64_t pairs) {
  const Rows<Q> rows = {pointer<uint8_t>(args, 0), args.n[2] / kScaleBlock};
  __m512 sums[kLineRows][kTokens][2] = {};
  for (int64_t i = 0; i < pairs; ++i) {
    const int64_t row = first + i;
    const int64_t partner = row + half < range.end ? row + half : row;
    dot_pair<Q, kTokens, kParts>(rows, {{rows.row(row), rows.row(partner)}}, x, &sums[i][0][0]);
  }
  for (int64_t t = 0; t < kTokens; ++t) {
    for (int64_t side = 0; side < 2; ++side) {
      const int64_t row = first + side * half;
      const int64_t count = std::min(pairs, range.end - row);
      if (count <= 0) continue;
      write_rows(&sums[0][t][side], 2 * kTokens, count, args.n[3] != 0,
                 pointer<float>(args, 2) + t * args.n[1] + row);
    }
  }
}

template <typename Q, int kTokens, int kParts>
void all_rows(const Args& args, Team team) {
  const Range range = matmul_rows(args, kLineRows, team);
  const int64_t count = range.end - range.begin;
  if (count == 0) return;
  const Activations x = pack_activations<Q, kParts>(args);
  const int64_t half = ((count + 1) / 2 + kLineRows - 1) / kLineRows * kLineRows;
  for (int64_t i = 0; i < half; i += kLineRows) {
    some_pairs<Q, kTokens, kParts>(args, x, range, half, range.begin + i,
                                   std::min({kLineRows, half - i, count - i}));
  }
  _mm_sfence();
}

}  // namespace

template <typename Q>
void vnni_rows(const Args& args, Team team) {
  static_assert(kVnniRowTokens == 4);
  // Two parts where their products cost no time: q4_0 has less of it.
  constexpr int kParts = Q::kBlockBytes == kScaleBlock ? 2 : 1;
  constexpr KernelFunction by_tokens[] = {all_rows<Q, 1, 2>, all_rows<Q, 2, kParts>,
                                          all_rows<Q, 3, 1>, all_rows<Q, 4, 1>};
  by_tokens[args.n[0] - 1](args, team);
}

template void vnni_rows<Q8>(const Args& args, Team team);
template void vnni_rows<Q4>(const Args& args, Team team);

}  // namespace membound::cpu
#endif

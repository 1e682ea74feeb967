// SPDX-License-Identifier: Apache-2.0
// y[m][N] = (accumulate ? y : 0) + x[m][K] . W[N][K]^T for few tokens: weights stream once.
// Buffers: 0 W, 1 x, 2 y. Sizes: m (1..64), N, K, accumulate. W as benches/model/quantised.h lays
// out quantised rows.
//
//   for (j = 0; j < m; ++j)
//     for (n = 0; n < N; ++n) {
//       sum = accumulate ? y[j][n] : 0;
//       for (k = 0; k < K; ++k) sum += x[j][k] * W[n][k];
//       y[j][n] = sum;
//     }
//
// Fewest bytes: N * K weights; flops: 2 * m * N * K. One or two tokens of plain types are products
// in f32 (dots.gpu.h), one of quantised types in int8 (quantised_dots.gpu.h), more on matrix units
// (unit_rows.gpu.h), which f32 has none of.
#include "benches/inference/kernels/dots.gpu.h"
#include "benches/inference/kernels/quantised_dots.gpu.h"
#include "benches/inference/kernels/unit_rows.gpu.h"

namespace membound::gpu {
namespace {

uint32_t ceil_div(int64_t a, int64_t b) { return static_cast<uint32_t>((a + b - 1) / b); }

template <typename T, int kRows, int kTokens, int kWidth>
__global__ void __launch_bounds__(kMostDotThreads) dots(Matmul m) {
  rows_by_dots<T, kRows, kTokens, kWidth>(m, int64_t{blockIdx.x} * kRows);
}

template <typename T, int kRows, int kTokens>
void launch_dots(const Matmul& m, const Site& site) {
  constexpr int kWidth = kVectorElements<T>;
  const bool vectors = m.k % kWidth == 0;
  // Each thread has something to load in every place of its first batch.
  const uint32_t wanted = ceil_div(m.k / (vectors ? kWidth : 1), int64_t{kBatch / kRows} * 64) * 64;
  const Grid grid = {ceil_div(m.n, kRows), std::clamp<uint32_t>(wanted, 64, kMostDotThreads)};
  if (vectors) return launch(dots<T, kRows, kTokens, kWidth>, grid, site, m);
  launch(dots<T, kRows, kTokens, 1>, grid, site, m);
}

// With few rows a block has two of them, so that each compute unit gets many blocks and all end
// together.
template <typename T>
void gemv_by_dots(const Matmul& m, const Site& site) {
  if (m.tokens > 2) return launch_dots<T, 2, 8>(m, site);
  if (m.tokens > 1) return launch_dots<T, 4, 2>(m, site);
  if (m.n < 32 * site.compute_units) return launch_dots<T, 2, 1>(m, site);
  launch_dots<T, 4, 1>(m, site);
}

template <typename Q, int kRows, bool kAligned>
__global__ void __launch_bounds__(kIntegerThreads, 2) integers(Matmul m) {
  MEMBOUND_DYNAMIC_SHARED(unsigned char, memory);
  rows_by_integers<Q, kRows, kAligned>(m, blockIdx.x, gridDim.x, memory);
}

template <typename Q, int kRows>
void launch_integers(const Matmul& m, const Site& site) {
  const int64_t rows = int64_t{kIntegerThreads} / site.warp_size * kRows;  // of a block's pass
  const Grid grid = {std::min(ceil_div(m.n, rows), 2u * site.compute_units), kIntegerThreads,
                     static_cast<uint32_t>(IntegerToken<Q>::bytes(m.k))};
  if (row_bytes<Q>(m.k) % 16 == 0) return launch(integers<Q, kRows, true>, grid, site, m);
  launch(integers<Q, kRows, false>, grid, site, m);
}

template <typename T, int kTiles, int kTokens, bool kWhole>
__global__ void __launch_bounds__(kUnitThreads, unit_blocks(kTiles, kTokens)) units(Matmul m) {
  rows_by_units<T, kTiles, kTokens, kWhole>(m, int64_t{blockIdx.x} * kTiles * kUnitRows);
}

template <typename T, int kTiles, int kTokens, bool kWhole>
void launch_units(const Matmul& m, const Site& site) {
  const Grid grid = {ceil_div(m.n, kTiles * kUnitRows), kUnitThreads};
  launch(units<T, kTiles, kTokens, kWhole>, grid, site, m);
}

template <typename T>
void gemv_by_units(const Matmul& m, const Site& site) {
  if (!whole_chunks<T>(m.k)) {
    if (m.tokens <= 16) return launch_units<T, 1, 16, false>(m, site);
    return launch_units<T, 1, 32, false>(m, site);
  }
  const bool few_rows = m.n < 64 * site.compute_units;
  if (m.tokens <= 8) {
    // Of the others two tiles need more registers than there are for two blocks.
    constexpr int kMany = std::is_same_v<T, Bf16> || std::is_same_v<T, Q4> ? 2 : 1;
    if (few_rows) return launch_units<T, 1, 8, true>(m, site);
    return launch_units<T, kMany, 8, true>(m, site);
  }
  if (m.tokens <= 16) {
    if (few_rows) return launch_units<T, 1, 16, true>(m, site);
    return launch_units<T, 2, 16, true>(m, site);
  }
  launch_units<T, 2, 32, true>(m, site);
}

const Registrar f32("gemv/f32", [](const Args& args, const Site& site) {
  gemv_by_dots<float>(matmul_of(args), site);
});

template <typename T>
void gemv_plain(const Args& args, const Site& site) {
  const Matmul m = matmul_of(args);
  m.tokens <= 2 ? gemv_by_dots<T>(m, site) : gemv_by_units<T>(m, site);
}
const Registrar bf16("gemv/bf16", gemv_plain<Bf16>);
const Registrar f16("gemv/f16", gemv_plain<F16>);

template <typename Q>
void gemv_quantised(const Args& args, const Site& site) {
  // What every device's compute unit has of shared memory for each of two blocks.
  constexpr int64_t kMostShared = 32 << 10;
  const Matmul m = matmul_of(args);
  if (m.tokens > 1 || IntegerToken<Q>::bytes(m.k) > 2 * kMostShared) {
    return gemv_by_units<Q>(m, site);
  }
  if (m.n >= 64 * site.compute_units) return launch_integers<Q, 2>(m, site);
  launch_integers<Q, 1>(m, site);
}
const Registrar q8_0("gemv/q8_0", gemv_quantised<Q8>);
const Registrar q4_0("gemv/q4_0", gemv_quantised<Q4>);

}  // namespace
}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// y[m][N] = (accumulate ? y : 0) + x[m][K] . W[N][K]^T for many tokens: bound by FMAs.
// Buffers: 0 W, 1 x, 2 y. Sizes: m, N, K, accumulate.
//
//   for (j = 0; j < m; ++j)
//     for (n = 0; n < N; ++n) {
//       sum = accumulate ? y[j][n] : 0;
//       for (k = 0; k < K; ++k) sum += x[j][k] * W[n][k];
//       y[j][n] = sum;
//     }
//
// Fewest bytes: N * K weights; flops: 2 * m * N * K. Activations are rounded to bf16, and quantised
// weights too; f16 keeps its bits: both sides are two bf16 and products four.
#include "benches/inference/gemm/plain_tiles.gpu.h"
#include "benches/inference/gemm/unit_tiles.gpu.h"

namespace membound::gpu {
namespace {

uint32_t ceil_div(int64_t a, int64_t b) { return static_cast<uint32_t>((a + b - 1) / b); }

template <typename T, int kTokenTiles, bool kWhole>
void launch_tiles(const Matmul& m, const Site& site) {
  using Tiles = UnitTiles<T, kTokenTiles, kWhole>;
  const dim3 blocks(ceil_div(m.n, kTileRows), ceil_div(m.tokens, Tiles::kTokens));
  launch(unit_tiles<T, kTokenTiles, kWhole>, Grid{blocks, kTileThreads}, site, m);
}

template <typename T>
void gemm(const Args& args, const Site& site) {
  const Matmul m = matmul_of(args);
  if (m.k % (kQuantised<T> ? 4 * kScaleBlock : kUnitDepth) != 0) {
    return launch_tiles<T, 2, false>(m, site);
  }
  if constexpr (!std::is_same_v<T, F16>) {  // whose parts would not fit
    using Large = UnitTiles<T, 4, true>;
    const int64_t blocks = int64_t{ceil_div(m.n, kTileRows)} * ceil_div(m.tokens, Large::kTokens);
    if (blocks >= site.compute_units) return launch_tiles<T, 4, true>(m, site);
  }
  launch_tiles<T, 2, true>(m, site);
}

const Registrar bf16("gemm/bf16", gemm<Bf16>);
const Registrar f16("gemm/f16", gemm<F16>);
const Registrar q8_0("gemm/q8_0", gemm<Q8>);
const Registrar q4_0("gemm/q4_0", gemm<Q4>);
const Registrar f32("gemm/f32", [](const Args& args, const Site& site) {
  const Matmul m = matmul_of(args);
  const dim3 blocks(ceil_div(m.n, kPlainTile), ceil_div(m.tokens, kPlainTile));
  launch(plain_tiles, Grid{blocks, kPlainThreads}, site, m);
});

}  // namespace
}  // namespace membound::gpu

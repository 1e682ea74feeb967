// SPDX-License-Identifier: Apache-2.0
// out = gate / (1 + exp(-gate)) * up.
// Buffers: 0 gate_up [rows][2 * I], gate first, 1 out [rows][I]. Sizes: rows, I.
//
//   for (r = 0; r < rows; ++r)
//     for (i = 0; i < I; ++i) {
//       g = gate_up[r][i];
//       out[r][i] = g / (1 + exp(-g)) * gate_up[r][I + i];
//     }
//
// Fewest bytes: none but activations; flops: 5 * rows * I.
#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {
namespace {

template <int kWidth>
__global__ void silu_mul(const float* x, float* out, int64_t rows, int64_t width) {
  let_next_start();
  wait_for_previous();
  grid_stride<1>(rows * width / kWidth, [=](int64_t i, auto) {
    const int64_t at = i * kWidth, row = at / width;
    const float* gate = x + row * width + at;  // row * 2 * width + (at - row * width)
    auto v = load<kWidth>(gate);
    const auto up = load<kWidth>(gate + width);
    // Where exp() is infinite the quotient is 0.
    for (int j = 0; j < kWidth; ++j) v[j] = v[j] / (1.0f + expf(-v[j])) * up[j];
    store(out + at, v);
  });
}

const Registrar registrar("silu_mul/f32", [](const Args& args, const Site& site) {
  const int64_t rows = args.n[0], width = args.n[1], vector = width % 4 == 0 ? 4 : 1;
  launch_overlapped(vector == 4 ? silu_mul<4> : silu_mul<1>,
                    Grid{site.blocks(rows * width / vector), kBlock}, site, pointer<float>(args, 0),
                    pointer<float>(args, 1), rows, width);
});

}  // namespace
}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// Adds the experts' outputs to each token, weighted.
// Buffers: 0 z f32 [pairs][H] in order of slots, 1 weights f32 [rows][k], 2 plan (experts/plan.h),
// 3 x f32 [rows][H]. Sizes: rows, H, k, E.
//
//   for (r = 0; r < rows; ++r)
//     for (j = 0; j < k; ++j)
//       for (i = 0; i < H; ++i) x[r][i] += weights[r][j] * z[slot of pair (r, j)][i];
//
// Fewest bytes: none but activations; flops: 2 * rows * k * H.
#include "benches/inference/experts/plan.h"
#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {
namespace {

__global__ void combine(const float* z, const float* weights, const int32_t* slot_of_pair, float* x,
                        int64_t rows, int64_t width, int64_t k) {
  let_next_start();
  wait_for_previous();
  grid_stride<1>(rows * width, [=](int64_t i, auto) {
    const int64_t row = i / width, column = i - row * width;
    float sum = x[i];
    for (int64_t pair = row * k; pair < (row + 1) * k; ++pair) {
      sum += weights[pair] * z[slot_of_pair[pair] * width + column];
    }
    x[i] = sum;
  });
}

const Registrar registrar("combine/f32", [](const Args& args, const Site& site) {
  const int64_t rows = args.n[0], width = args.n[1], k = args.n[2];
  const ExpertPlan plan(args.buffer[2].data, args.n[3], rows * k);
  launch_overlapped(combine, Grid{site.blocks(rows * width), kBlock}, site, pointer<float>(args, 0),
                    pointer<float>(args, 1), plan.slot_of_pair, pointer<float>(args, 3), rows,
                    width, k);
});

}  // namespace
}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu/kernel.h"

namespace membound::gpu {

static __global__ void triad(float* __restrict__ a, const float* __restrict__ b,
                             const float* __restrict__ c, float s, int64_t n) {
  grid_stride<4>(n, [=](int64_t i, auto width) {
    auto x = load<width>(b + i);
    const auto y = load<width>(c + i);
    for (int j = 0; j < width; ++j) x[j] += s * y[j];
    store(a + i, x);
  });
}

static const Registrar registrar("triad/f32", [](const Args& args, const Site& site) {
  launch(triad, {site.blocks(args.n[0] / 4)}, site, pointer<float>(args, 0),
         pointer<float>(args, 1), pointer<float>(args, 2), args.scalar[0], args.n[0]);
});

}  // namespace membound::gpu

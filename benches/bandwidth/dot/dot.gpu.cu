// SPDX-License-Identifier: Apache-2.0
// sum += b[i] * c[i]; two elements and 2 flops.
#include "benches/bandwidth/sum.gpu.h"

namespace membound::gpu {

struct Dot {
  template <typename T>
  static __device__ T element(T b, T c) {
    return b * c;
  }
};
[[maybe_unused]] static const bool f32 = register_sum<Dot, float>("dot/f32");
[[maybe_unused]] static const bool f64 = register_sum<Dot, double>("dot/f64");

}  // namespace membound::gpu

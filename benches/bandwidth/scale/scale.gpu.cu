// SPDX-License-Identifier: Apache-2.0
// a[i] = s * b[i]; two elements and 1 flop.
#include "benches/bandwidth/stream.gpu.h"

namespace membound::gpu {

struct Scale {
  static constexpr int kReads = 1;
  static constexpr bool kInPlace = false;
  template <typename T>
  __device__ static T element(T b, T, T s) {
    return s * b;
  }
};
MEMBOUND_GPU_STREAM("scale", Scale, float, f32);
MEMBOUND_GPU_STREAM("scale", Scale, double, f64);

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// a[i] = b[i] + s * c[i]; three elements and 2 flops.
#include "benches/bandwidth/stream.gpu.h"

namespace membound::gpu {

struct Triad {
  static constexpr int kReads = 2;
  static constexpr bool kInPlace = false;
  template <typename T>
  __device__ static T element(T b, T c, T s) {
    return b + s * c;
  }
};
MEMBOUND_GPU_STREAM("triad", Triad, float, f32);
MEMBOUND_GPU_STREAM("triad", Triad, double, f64);

}  // namespace membound::gpu

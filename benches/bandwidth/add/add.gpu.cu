// SPDX-License-Identifier: Apache-2.0
// a[i] = b[i] + c[i]; three elements and 1 flop.
#include "benches/bandwidth/stream.gpu.h"

namespace membound::gpu {

struct Add {
  static constexpr int kReads = 2;
  static constexpr bool kInPlace = false;
  template <typename T>
  __device__ static T element(T b, T c, T) {
    return b + c;
  }
};
MEMBOUND_GPU_STREAM("add", Add, float, f32);
MEMBOUND_GPU_STREAM("add", Add, double, f64);

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// a[i] = s * a[i]; two elements and 1 flop; operand b is a itself.
#include "benches/bandwidth/stream.gpu.h"

namespace membound::gpu {

struct Update {
  static constexpr int kReads = 1;
  static constexpr bool kInPlace = true;
  template <typename T>
  __device__ static T element(T b, T, T s) {
    return s * b;
  }
};
MEMBOUND_GPU_STREAM("update", Update, float, f32);
MEMBOUND_GPU_STREAM("update", Update, double, f64);

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// a[i] = b[i]; two elements moved and no flops.
#include "benches/bandwidth/stream.gpu.h"

namespace membound::gpu {

struct Copy {
  static constexpr int kReads = 1;
  static constexpr bool kInPlace = false;
  template <typename T>
  __device__ static T element(T b, T, T) {
    return b;
  }
};
MEMBOUND_GPU_STREAM("copy", Copy, float, f32);

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// a[i] = s; one element written and no flops.
#include "benches/bandwidth/stream.gpu.h"

namespace membound::gpu {

struct Write {
  static constexpr int kReads = 0;
  static constexpr bool kInPlace = false;
  template <typename T>
  __device__ static T element(T, T, T s) {
    return s;
  }
};
MEMBOUND_GPU_STREAM("write", Write, float, f32);

}  // namespace membound::gpu

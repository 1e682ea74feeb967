// SPDX-License-Identifier: Apache-2.0
// sum += f(b[i], c[i]) on a GPU, in the shapes that the bench can choose from. An operation is a
// struct with element(b, c); a partial sum for each lane of each thread.
// Fewest bytes: one element of each operand.
#pragma once

#include "benches/bandwidth/shape.gpu.h"
#include "benches/bandwidth/slots.gpu.h"

namespace membound::gpu {

template <typename Op, typename T, int kThreads, int kUnroll, bool kNt>
__global__ void __launch_bounds__(kThreads)
    sum_stream(T* slots, const T* b, const T* c, int64_t n, int64_t whole, int64_t slot_count) {
  constexpr int kLanes = 16 / sizeof(T);
  constexpr int64_t kTile = int64_t{kThreads} * kUnroll * kLanes;
  T sum[kLanes] = {};
  for (int64_t tile = blockIdx.x * kTile; tile < whole; tile += gridDim.x * kTile) {
    Vector<T, kLanes> x[kUnroll], y[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int64_t i = tile + (u * kThreads + threadIdx.x) * kLanes;
      x[u] = load_part<kLanes, kNt>(b + i);
      y[u] = load_part<kLanes, kNt>(c + i);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      for (int j = 0; j < kLanes; ++j) sum[j] += Op::element(x[u][j], y[u][j]);
    }
  }
  const int64_t threads = int64_t{gridDim.x} * kThreads;
  for (int64_t i = whole + int64_t{blockIdx.x} * kThreads + threadIdx.x; i < n; i += threads) {
    sum[0] += Op::element(b[i], c[i]);
  }
  for (int j = 1; j < kLanes; ++j) sum[0] += sum[j];
  add_to_slots<Sum>(sum[0], slots, slot_count);
}

template <typename Op, typename T, Shape kShape>
void launch_sum(const Args& args, const Site& site) {
  const Tiling tiling(kShape, args.n[0], sizeof(T), site);
  launch(sum_stream<Op, T, kShape.block, kShape.unroll, kShape.nt>, tiling.grid, site,
         pointer<T>(args, 0), pointer<const T>(args, 1), pointer<const T>(args, 2), args.n[0],
         tiling.whole, args.n[1]);
}

template <typename Op, typename T, Shape kFirst, Shape... kOthers>
void register_sum(const std::string& name) {
  register_kernel(name, launch_sum<Op, T, kFirst>);
  register_kernel(name + kFirst.name(), launch_sum<Op, T, kFirst>);
  (register_kernel(name + kOthers.name(), launch_sum<Op, T, kOthers>), ...);
}

// As NAME/f32 or NAME/f64.
template <typename Op, typename T>
bool register_sum(const char* name) {
  register_sum<Op, T, Shape{512, 4, 16, true, true}, Shape{256, 4, 16, false, true},
               Shape{256, 8, 16, true, true}, Shape{256, 8, 16, false, true},
               Shape{1024, 2, 16, true, false}>(std::string(name));
  return true;
}

}  // namespace membound::gpu

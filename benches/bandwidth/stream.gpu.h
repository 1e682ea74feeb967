// SPDX-License-Identifier: Apache-2.0
// a[i] = f(b[i], c[i], s) on a GPU, in every shape that the bench can choose from.
//
// An operation is a struct with `kReads` operands (0 to 2), `kInPlace` where b is a itself, and
// element(b, c, s). Registered as NAME/f32, NAME/f32/nt (non-temporal stores) and so on.
// Fewest bytes: one element for each operand and one written; no line is fetched for a store that
// fills it.
#pragma once

#include "benches/bandwidth/shape.gpu.h"

namespace membound::gpu {

template <typename Op, typename T, int kThreads, int kUnroll, bool kNtLoads, bool kNtStores>
__global__ void __launch_bounds__(kThreads)
    stream(T* a, const T* b, const T* c, T s, int64_t n, int64_t whole) {
  constexpr int kLanes = 16 / sizeof(T);
  constexpr int64_t kTile = int64_t{kThreads} * kUnroll * kLanes;
  constexpr bool kNt = kNtLoads && !Op::kInPlace;  // what is written must not be read past caches
  for (int64_t tile = blockIdx.x * kTile; tile < whole; tile += gridDim.x * kTile) {
    Vector<T, kLanes> x[kUnroll] = {}, y[kUnroll] = {};
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int64_t i = tile + (u * kThreads + threadIdx.x) * kLanes;
      if constexpr (Op::kReads > 0) x[u] = load_part<kLanes, kNt>(b + i);
      if constexpr (Op::kReads > 1) y[u] = load_part<kLanes, kNt>(c + i);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      for (int j = 0; j < kLanes; ++j) x[u][j] = Op::element(x[u][j], y[u][j], s);
      store_part<kLanes, kNtStores>(a + tile + (u * kThreads + threadIdx.x) * kLanes, x[u]);
    }
  }
  const int64_t threads = int64_t{gridDim.x} * kThreads;
  for (int64_t i = whole + int64_t{blockIdx.x} * kThreads + threadIdx.x; i < n; i += threads) {
    a[i] = Op::element(Op::kReads > 0 ? b[i] : T{}, Op::kReads > 1 ? c[i] : T{}, s);
  }
}

template <typename Op, typename T, Shape kShape, bool kNtStores>
void launch_stream(const Args& args, const Site& site) {
  const Tiling tiling(kShape, args.n[0], sizeof(T), site);
  launch(stream<Op, T, kShape.block, kShape.unroll, kShape.nt, kNtStores>, tiling.grid, site,
         pointer<T>(args, 0), pointer<const T>(args, 1), pointer<const T>(args, 2), args.scalar[0],
         args.n[0], tiling.whole);
}

// One type and kind of store; the plain name is the first of the shapes.
template <typename Op, typename T, bool kNtStores, Shape kFirst, Shape... kOthers>
void register_stream(const std::string& name) {
  register_kernel(name, launch_stream<Op, T, kFirst, kNtStores>);
  register_kernel(name + kFirst.name(), launch_stream<Op, T, kFirst, kNtStores>);
  (register_kernel(name + kOthers.name(), launch_stream<Op, T, kOthers, kNtStores>), ...);
}

template <typename Op, typename T, bool kNtStores>
bool register_stream(const char* name) {
  register_stream<Op, T, kNtStores, Shape{256, 4, 16, false, true}, Shape{256, 8, 16, false, true},
                  Shape{512, 8, 16, true, true}, Shape{512, 4, 16, true, true},
                  Shape{256, 4, 16, false, false}, Shape{1024, 2, 16, false, false},
                  Shape{256, 1, 16, false, false}>(std::string(name));
  return true;
}

}  // namespace membound::gpu

// MEMBOUND_GPU_STREAM("triad", Triad, float, f32) has ordinary and non-temporal stores.
#define MEMBOUND_GPU_STREAM(name, Op, T, dtype)           \
  [[maybe_unused]] static const bool registered_##dtype = \
      register_stream<Op, T, false>(name "/" #dtype) &&   \
      register_stream<Op, T, true>(name "/" #dtype "/nt")

// SPDX-License-Identifier: Apache-2.0
// sum ^= a[i]; fewest bytes: 4 a word, no flops, so that the floor is bytes / bandwidth.
// buffer 0 a, 1 slots of 32 bits; n: 0 bytes, 1 slots.
// To keep a memory busy that answers in 800 ns at 4.8 TB/s takes 29 KB in flight a unit; 2048
// threads with one load of 16 bytes each have 32 KB, and wait for the slowest of them.
#include "benches/bandwidth/shape.gpu.h"
#include "benches/bandwidth/slots.gpu.h"

namespace membound::gpu {
namespace {

template <int kThreads, int kUnroll, int kWords, bool kNt>
__global__ void __launch_bounds__(kThreads)
    read(const uint32_t* data, int64_t words, int64_t whole, uint32_t* slots, int64_t slot_count) {
  constexpr int64_t kTile = int64_t{kThreads} * kUnroll * kWords;
  uint32_t sum = 0;
  for (int64_t tile = blockIdx.x * kTile; tile < whole; tile += gridDim.x * kTile) {
    Vector<uint32_t, kWords> part[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      part[u] = load_part<kWords, kNt>(data + tile + (u * kThreads + threadIdx.x) * kWords);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      for (int j = 0; j < kWords; ++j) sum ^= part[u][j];
    }
  }
  const int64_t threads = int64_t{gridDim.x} * kThreads;
  for (int64_t i = whole + int64_t{blockIdx.x} * kThreads + threadIdx.x; i < words; i += threads) {
    sum ^= data[i];
  }
  add_to_slots<Xor>(sum, slots, slot_count);
}

template <Shape kShape>
void launch_read(const Args& args, const Site& site) {
  const int64_t words = args.n[0] / 4;
  const Tiling tiling(kShape, words, 4, site);
  launch(read<kShape.block, kShape.unroll, kShape.width / 4, kShape.nt>, tiling.grid, site,
         pointer<const uint32_t>(args, 0), words, tiling.whole, pointer<uint32_t>(args, 1),
         args.n[1]);
}

template <Shape... kShapes>
void register_shapes() {
  (register_kernel("read/f32" + kShapes.name(), launch_read<kShapes>), ...);
}

// What others launch by the plain name is the first of the shapes.
constexpr Shape kPlain = {512, 8, 16, true, true};

const Registrar registrar("read/f32", launch_read<kPlain>);
[[maybe_unused]] const bool registered = [] {
  register_shapes<kPlain, Shape{256, 8, 16, false, true}, Shape{256, 4, 16, false, true},
                  Shape{128, 8, 16, false, true}, Shape{256, 16, 16, false, true},
                  Shape{256, 16, 16, true, true}, Shape{1024, 4, 16, true, true},
                  Shape{1024, 2, 16, true, false}, Shape{512, 4, 16, false, false},
                  Shape{256, 8, 8, false, false}, Shape{256, 1, 16, false, false}>();
  return true;
}();

}  // namespace
}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// x[r] = table[tokens[r]], widened to f32.
// Buffers: 0 table [V][H], 1 tokens int32 [rows], 2 x [rows][H]. Sizes: rows, H, V.
//
//   for (r = 0; r < rows; ++r)
//     for (i = 0; i < H; ++i) x[r][i] = table[tokens[r]][i];
//
// Fewest bytes: rows * H of the table; no flops. A thread has one element: of a row that is a few
// KiB all that counts is the latency.
#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {
namespace {

template <typename T>
__device__ float element_of(const void* table, int64_t row, int64_t width, int64_t column) {
  if constexpr (kQuantised<T>) {
    const auto* data = static_cast<const uint8_t*>(table) + row * row_bytes<T>(width);
    const QuantisedRow<T> blocks = {data, width / kScaleBlock};
    return blocks.scale(column / kScaleBlock) * static_cast<float>(blocks.element(column));
  } else {
    return widen(static_cast<const T*>(table)[row * width + column]);
  }
}

template <typename T>
__global__ void embed(const void* table, const int32_t* tokens, float* x, int64_t rows,
                      int64_t width, int64_t vocabulary) {
  let_next_start();
  wait_for_previous();
  grid_stride<1>(rows * width, [=](int64_t i, auto) {
    // A token that is none must not read beyond the table.
    int64_t token = tokens[i / width];
    token = token < 0 ? 0 : token < vocabulary ? token : vocabulary - 1;
    x[i] = element_of<T>(table, token, width, i % width);
  });
}

template <typename T>
void launch_embed(const Args& args, const Site& site) {
  const int64_t rows = args.n[0], width = args.n[1];
  launch_overlapped(embed<T>, Grid{site.blocks(rows * width), kBlock}, site, pointer<void>(args, 0),
                    pointer<int32_t>(args, 1), pointer<float>(args, 2), rows, width, args.n[2]);
}

const Registrar bf16("embed/bf16", launch_embed<Bf16>);
const Registrar f16("embed/f16", launch_embed<F16>);
const Registrar f32("embed/f32", launch_embed<float>);
const Registrar q8_0("embed/q8_0", launch_embed<Q8>);
const Registrar q4_0("embed/q4_0", launch_embed<Q4>);

}  // namespace
}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// sum ^= all words of row table[i]: n[0] rows of n[2] bytes (a power of two, 16 at least) in buffer
// 0, slots of buffer 1 (n[1] words), table of 32-bit row numbers in buffer 2. 4 more bytes a row
// from the table. Neighbouring threads share a row, 16 bytes each; a thread asks for the numbers of
// all its rows and then for all rows.
#include <bit>

#include "backends/error.h"
#include "benches/bandwidth/shape.gpu.h"
#include "benches/bandwidth/slots.gpu.h"

namespace membound::gpu {
namespace {

constexpr int kUnroll = 8;
constexpr int kVectorBytes = 16;

// `shift`: a row has 2^shift vectors.
__global__ void __launch_bounds__(kBlock)
    gather(const char* data, const int32_t* table, int64_t vectors, int shift, uint32_t* slots,
           int64_t slot_count) {
  constexpr int64_t kTile = int64_t{kBlock} * kUnroll;
  const int64_t row_bytes = int64_t{kVectorBytes} << shift;
  uint32_t sum = 0;
  for (int64_t tile = blockIdx.x * kTile; tile < vectors; tile += gridDim.x * kTile) {
    const char* source[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int64_t i = tile + u * kBlock + threadIdx.x;
      const int64_t row = i < vectors ? table[i >> shift] : 0;
      source[u] = data + row * row_bytes + (i & ((int64_t{1} << shift) - 1)) * kVectorBytes;
    }
    Vector<uint32_t, 4> part[kUnroll] = {};
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      if (tile + u * kBlock + threadIdx.x < vectors) part[u] = load_once(source[u]);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      for (int j = 0; j < 4; ++j) sum ^= part[u][j];
    }
  }
  add_to_slots<Xor>(sum, slots, slot_count);
}

const Registrar registrar("gather/f32", [](const Args& args, const Site& site) {
  const auto row_vectors = static_cast<uint64_t>(args.n[2] / kVectorBytes);
  if (!std::has_single_bit(row_vectors)) {
    throw Error("gather/f32 takes rows of a power of two bytes, 16 at least", kUnsupported);
  }
  const int64_t vectors = args.n[0] * static_cast<int64_t>(row_vectors);
  launch(gather, {site.blocks((vectors + kUnroll - 1) / kUnroll)}, site,
         pointer<const char>(args, 0), pointer<const int32_t>(args, 2), vectors,
         std::countr_zero(row_vectors), pointer<uint32_t>(args, 1), args.n[1]);
});

}  // namespace
}  // namespace membound::gpu

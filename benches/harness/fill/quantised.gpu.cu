// SPDX-License-Identifier: Apache-2.0
// The same bits as quantised.cpu.cpp: random quantised weights in the device's layout
// (benches/model/quantised.h). Buffers: 0 rows. Sizes: rows, columns, seed. Scalar: 0 a power of
// two.
#include <cmath>

#include "benches/harness/fill/random_bits.h"
#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {
namespace {

// A thread makes four bytes of elements or the scale of a block. Magnitudes of scales are in
// [2^(exponent - 1), 2^exponent), both signs.
template <typename Q>
__global__ void fill_quantised(uint8_t* out, int64_t rows, int64_t blocks, uint32_t seed,
                               int exponent) {
  constexpr int kWords = Q::kBlockBytes / 4;  // of a block
  const int64_t bytes = row_bytes<Q>(blocks * kScaleBlock), of_row = blocks * (kWords + 1);
  grid_stride<1>(rows * of_row, [=](int64_t i, auto) {
    const int64_t row = i / of_row, in = i % of_row;
    const auto start = static_cast<uint32_t>(row * bytes);
    const bool is_scale = in >= blocks * kWords;
    const int64_t at = is_scale ? blocks * Q::kBlockBytes + 2 * (in - blocks * kWords) : 4 * in;
    // Rows may begin at any even byte.
    auto* to = reinterpret_cast<uint16_t*>(out + row * bytes + at);
    const uint32_t place = start + static_cast<uint32_t>(at);
    const uint32_t random = mix(place ^ seed ^ (is_scale ? 0x5bd1e995u : 0u));
    if (is_scale) {
      to[0] =
          static_cast<uint16_t>((random & 0x83ffu) | static_cast<uint32_t>(exponent + 14) << 10);
    } else {
      to[0] = static_cast<uint16_t>(random);
      to[1] = static_cast<uint16_t>(random >> 16);
    }
  });
}

template <typename Q>
void fill(const Args& args, const Site& site) {
  const int64_t rows = args.n[0], blocks = args.n[1] / kScaleBlock;
  // Elements are 74 (q8_0) and 4.6 (q4_0) in root mean square.
  const int exponent = std::ilogb(args.scalar[0]) - (Q::kOffset == Q8::kOffset ? 7 : 3);
  launch(fill_quantised<Q>, {site.blocks(rows * blocks * 8)}, site, pointer<uint8_t>(args, 0), rows,
         blocks, mix(static_cast<uint32_t>(args.n[2])), exponent);
}

const Registrar q8_0("fill/q8_0", fill<Q8>);
const Registrar q4_0("fill/q4_0", fill<Q4>);

}  // namespace
}  // namespace membound::gpu

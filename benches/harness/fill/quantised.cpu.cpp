// SPDX-License-Identifier: Apache-2.0
// Random quantised weights in the device's layout (benches/model/quantised.h): all elements that
// there are, and scales that make their root mean square about that of random floats.
// Buffers: 0 rows. Sizes: rows, columns, seed. Scalar: 0 a power of two.
#include <cmath>
#include <cstring>

#include "backends/cpu/kernel.h"
#include "benches/harness/fill/random_bits.h"
#include "benches/inference/kernels/quantised.h"

namespace membound::cpu {
namespace {

// Magnitudes in [2^(exponent - 1), 2^exponent), both signs.
Half random_scale(uint32_t random, int exponent) {
  const auto biased = static_cast<uint32_t>(exponent + 14);
  return {static_cast<uint16_t>((random & 0x83ffu) | biased << 10)};
}

template <typename Q>
void fill(const Args& args, Team team) {
  const Rows<Q> rows = {pointer<uint8_t>(args, 0), args.n[1] / kScaleBlock};
  // Elements are 74 (q8_0) and 4.6 (q4_0) in root mean square.
  const int exponent = std::ilogb(args.scalar[0]) - (Q::kOffset == 128 ? 7 : 3);
  const uint32_t seed = mix(static_cast<uint32_t>(args.n[2]));
  const Range range = share(args.n[0], 1, team);
  for (int64_t i = range.begin; i < range.end; ++i) {
    auto* row = const_cast<uint8_t*>(rows.row(i));
    const auto start = static_cast<uint32_t>(i * rows.row_bytes());
    const int64_t bytes = rows.blocks * Q::kBlockBytes;  // a multiple of 4
    for (int64_t at = 0; at < bytes; at += 4) {
      const uint32_t random = mix((start + static_cast<uint32_t>(at)) ^ seed);
      std::memcpy(row + at, &random, sizeof random);
    }
    auto* scales = const_cast<Half*>(rows.scales(row));
    for (int64_t b = 0; b < rows.blocks; ++b) {
      const auto at = start + static_cast<uint32_t>(bytes + 2 * b);
      scales[b] = random_scale(mix(at ^ seed ^ 0x5bd1e995u), exponent);
    }
  }
}

const Registrar q8_0("fill/q8_0", fill<Q8>);
const Registrar q4_0("fill/q4_0", fill<Q4>);

}  // namespace
}  // namespace membound::cpu

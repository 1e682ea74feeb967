// SPDX-License-Identifier: Apache-2.0
// Random quantised weights in panels (benches/inference/kernels/quantised.h): all elements that
// there are, and scales that make their root mean square about that of random floats.
// Buffers: 0 W. Sizes: rows, columns, seed. Scalar: 0 a power of two.
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
  const Panels<Q> panels = {pointer<uint8_t>(args, 0), args.n[0], args.n[1] / kScaleBlock};
  // Elements are 74 (q8_0) and 4.6 (q4_0) in root mean square.
  const int exponent = std::ilogb(args.scalar[0]) - (Q::kOffset == 128 ? 7 : 3);
  const uint32_t seed = mix(static_cast<uint32_t>(args.n[2]));
  const Range range = share(args.n[0], kPanelRows, team);
  for (int64_t row = range.begin; row < range.end; row += kPanelRows) {
    const Panel<Q> panel = panels.panel(row);
    for (int64_t b = 0; b < panels.blocks; ++b) {
      const PanelBlock block = panel.block(b);
      const auto start =
          static_cast<uint32_t>((row * panels.blocks + b * panel.rows) * kScaleBlock);
      for (int64_t at = 0; at < panel.rows * Q::kBlockBytes; at += kWord) {
        const uint32_t random = mix((start + static_cast<uint32_t>(at)) ^ seed);
        std::memcpy(const_cast<uint8_t*>(block.words) + at, &random, sizeof random);
      }
      for (int64_t i = 0; i < panel.rows; ++i) {
        const uint32_t random = mix((start + static_cast<uint32_t>(i)) ^ seed ^ 0x5bd1e995u);
        const_cast<Half*>(block.scales)[i] = random_scale(random, exponent);
      }
    }
  }
}

const Registrar q8_0("fill/q8_0", fill<Q8>);
const Registrar q4_0("fill/q4_0", fill<Q4>);

}  // namespace
}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
// The same bits as fill.cpu.cpp; random_bits.h says why they are made like this.
#include <cmath>

#include "backends/gpu/numbers.h"
#include "benches/harness/fill/random_bits.h"

namespace membound::gpu {
namespace {

// `move` shifts the exponent. One thread takes a pair, except for the last of an odd count.
__global__ void fill_bf16(uint16_t* out, uint32_t seed, uint32_t move, int64_t n) {
  grid_stride<1>((n + 1) / 2, [=](int64_t pair, auto) {
    const bool whole = 2 * pair + 1 < n;
    const uint32_t random = mix(whole ? static_cast<uint32_t>(pair) ^ seed : seed);
    const auto low = static_cast<uint16_t>(float_bits(random & 0xffffu) + move);
    const auto high = static_cast<uint16_t>(float_bits(random >> 16) + move);
    if (whole) {
      store(out + 2 * pair, Vector<uint16_t, 2>{{low, high}});
    } else {
      out[2 * pair] = low;
    }
  });
}

__global__ void fill_f32(float* out, uint32_t seed, float scale, int64_t n) {
  grid_stride<1>(n, [=](int64_t i, auto) {
    const uint32_t random = mix(static_cast<uint32_t>(i) ^ seed);
    out[i] = bits_as<float>(float_bits(random >> 16) << 16 | (random & 0xffffu)) * scale;
  });
}

uint32_t seed_of(const Args& args) { return mix(static_cast<uint32_t>(args.n[1])); }

const Registrar bf16("fill/bf16", [](const Args& args, const Site& site) {
  const int64_t n = args.n[0];
  const auto move = static_cast<uint32_t>(std::ilogb(args.scalar[0])) << 7;
  launch(fill_bf16, {site.blocks((n + 1) / 2)}, site, pointer<uint16_t>(args, 0), seed_of(args),
         move, n);
});

const Registrar f32("fill/f32", [](const Args& args, const Site& site) {
  launch(fill_f32, {site.blocks(args.n[0])}, site, pointer<float>(args, 0), seed_of(args),
         args.scalar[0], args.n[0]);
});

}  // namespace
}  // namespace membound::gpu

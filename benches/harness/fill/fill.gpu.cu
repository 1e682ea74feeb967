// SPDX-License-Identifier: Apache-2.0
// The same bits as fill.cpu.cpp; random_bits.h says why they are made like this.
#include <cmath>

#include "backends/gpu/numbers.h"
#include "benches/harness/fill/random_bits.h"

namespace membound::gpu {
namespace {

// `kHalf`: f16, else bf16. `move` shifts the exponent. One thread takes a pair, except for the last
// of an odd count.
template <bool kHalf>
__global__ void fill_pairs(uint16_t* out, uint32_t seed, uint32_t move, int64_t n) {
  grid_stride<1>((n + 1) / 2, [=](int64_t pair, auto) {
    const bool whole = 2 * pair + 1 < n;
    const uint32_t random = mix(whole ? static_cast<uint32_t>(pair) ^ seed : seed);
    const auto bits = [=](uint32_t some) {
      return static_cast<uint16_t>((kHalf ? half_bits(some) : float_bits(some)) + move);
    };
    out[2 * pair] = bits(random & 0xffffu);
    if (whole) out[2 * pair + 1] = bits(random >> 16);
  });
}

__global__ void fill_f32(float* out, uint32_t seed, float scale, int64_t n) {
  grid_stride<1>(n, [=](int64_t i, auto) {
    const uint32_t random = mix(static_cast<uint32_t>(i) ^ seed);
    out[i] = bits_as<float>(float_bits(random >> 16) << 16 | (random & 0xffffu)) * scale;
  });
}

uint32_t seed_of(const Args& args) { return mix(static_cast<uint32_t>(args.n[1])); }

template <bool kHalf>
void launch_pairs(const Args& args, const Site& site) {
  const int64_t n = args.n[0];
  const auto move = static_cast<uint32_t>(std::ilogb(args.scalar[0])) << (kHalf ? 10 : 7);
  launch(fill_pairs<kHalf>, {site.blocks((n + 1) / 2)}, site, pointer<uint16_t>(args, 0),
         seed_of(args), move, n);
}

const Registrar bf16("fill/bf16", launch_pairs<false>);
const Registrar f16("fill/f16", launch_pairs<true>);
const Registrar f32("fill/f32", [](const Args& args, const Site& site) {
  launch(fill_f32, {site.blocks(args.n[0])}, site, pointer<float>(args, 0), seed_of(args),
         static_cast<float>(args.scalar[0]), args.n[0]);
});

}  // namespace
}  // namespace membound::gpu

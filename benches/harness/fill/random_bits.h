// SPDX-License-Identifier: Apache-2.0
// Random floats for operands: a counter through a mixer, so that any part can be made by any
// thread. Sign, mantissa and three exponent bits are random: high entropy, yet neither zero nor
// subnormal (which would slow arithmetic down), also where two bf16 are read as one f32.
#pragma once

#include <cstdint>

#if defined(__CUDACC__) || defined(__HIPCC__)
#define MEMBOUND_BOTH_SIDES __host__ __device__
#else
#define MEMBOUND_BOTH_SIDES
#endif

namespace membound {

MEMBOUND_BOTH_SIDES inline uint32_t mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// 16 random bits as the upper half of a float with magnitude in [2^-8, 1).
MEMBOUND_BOTH_SIDES inline uint32_t float_bits(uint32_t random) {
  return (random & 0x8000u) | (119u + ((random >> 7) & 7u)) << 7 | (random & 0x7fu);
}

// The same range in f16, whose exponent is biased by 15.
MEMBOUND_BOTH_SIDES inline uint32_t half_bits(uint32_t random) {
  return (random & 0x8000u) | (7u + ((random >> 10) & 7u)) << 10 | (random & 0x3ffu);
}

}  // namespace membound

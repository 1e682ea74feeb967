// SPDX-License-Identifier: Apache-2.0
// IEEE half precision (f16) as a storage type of weights and of the KV cache. bf16 is uint16_t.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace membound::cpu {

struct Half {
  uint16_t bits;
};

// Where two elements that share a word are widened together, even ones first: an operation each for
// bf16. f16 has instructions that widen in order.
template <typename T>
inline constexpr bool kInPairs = std::is_same_v<T, uint16_t>;

inline float widen(Half half) {
  const uint32_t exponent = half.bits >> 10 & 31u, mantissa = half.bits & 1023u;
  const uint32_t sign = static_cast<uint32_t>(half.bits & 0x8000u) << 16;
  if (exponent == 0) {
    const float small = std::ldexp(static_cast<float>(mantissa), -24);
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(small));
  }
  const uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

// Rounds to nearest, ties to even; what is too large becomes infinite, a NaN stays one.
inline void narrow(float value, Half* out) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), magnitude = bits & 0x7fffffffu;
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;
  } else if (magnitude >= 0x47800000u) {  // 65536
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // 2^-14: in steps of 2^-24 from here down
    half = static_cast<uint32_t>(std::nearbyint(std::ldexp(std::bit_cast<float>(magnitude), 24)));
  } else {  // a carry out of the mantissa raises the exponent, at the end to infinity
    half = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  }
  out->bits = static_cast<uint16_t>(sign | half);
}

}  // namespace membound::cpu

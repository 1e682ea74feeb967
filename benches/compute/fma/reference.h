// SPDX-License-Identifier: Apache-2.0
// What the arithmetic of compute/fma should give, for each type, worked out one result at a time.
//
// Two loops, n times over: y = y * a + b for f64, f32 and f16, whose results have the type of their
// operands; y += a . b for bf16 (two products a result, summed in f32) and i8 (four, in int32).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "benches/harness/bench.h"

namespace membound {

struct FmaType {
  std::string dtype;      // of the operands
  int64_t result_bytes;   // of one y
  int64_t multiply_adds;  // for one y in one turn of the loop
  double factor;          // a and b of y * a + b, exact in the type; unused by the others
  double addend;
};

const std::vector<FmaType>& fma_types();
const FmaType& fma_type(const std::string& dtype);

// 64-byte vectors a and b of y += a . b, random.
inline constexpr int64_t kFmaVectorBytes = 64;

// `count` values that y starts from: magnitudes in [0.5, 1), any int32 for i8.
std::vector<char> fma_start(const FmaType& type, int64_t count);
std::vector<char> fma_vector(const FmaType& type, uint32_t seed);

// Every y after `turns`. Exact for f16 and i8; for the others against a wider type, bounded by one
// rounding of each multiplication and each addition.
Check check_fma(const FmaType& type, int64_t turns, const std::vector<char>& start,
                const std::vector<char>& result, const std::vector<char>& a,
                const std::vector<char>& b);

}  // namespace membound

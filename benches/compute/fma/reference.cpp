// SPDX-License-Identifier: Apache-2.0
#include "benches/compute/fma/reference.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "benches/harness/fill/random_bits.h"

namespace membound {
namespace {

template <typename T>
T at(const std::vector<char>& bytes, int64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <typename T>
void put(std::vector<char>& bytes, int64_t index, T value) {
  std::memcpy(bytes.data() + index * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

int64_t count_of(const FmaType& type, const std::vector<char>& values) {
  return static_cast<int64_t>(values.size()) / type.result_bytes;
}

// Half precision: 11 significant bits, ties to even, fixed point below 2^-14.
double round_to_f16(double x) {
  if (x == 0) return 0;
  const double unit = std::ldexp(1.0, std::max(std::ilogb(x) - 10, -24));
  return std::nearbyint(x / unit) * unit;
}

double from_f16(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int mantissa = bits & 1023;
  const double size =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

double from_bf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

// y = y * a + b in Wide, for results of type T.
template <typename T, typename Wide>
Check check_chain(const FmaType& type, int64_t turns, const std::vector<char>& start,
                  const std::vector<char>& result) {
  Check check{.what = "every element against a wider type",
              .bound = static_cast<double>(turns) * std::numeric_limits<T>::epsilon()};
  for (int64_t i = 0; i < count_of(type, start); ++i) {
    Wide y = at<T>(start, i);
    for (int64_t turn = 0; turn < turns; ++turn) y = y * type.factor + type.addend;
    const double error = static_cast<double>(std::abs(at<T>(result, i) - y));
    check.max_error = error > check.max_error || std::isnan(error) ? error : check.max_error;
  }
  check.ok = check.max_error <= check.bound;
  return check;
}

Check check_f16(const FmaType& type, int64_t turns, const std::vector<char>& start,
                const std::vector<char>& result) {
  Check check{.what = "every element against float64 rounded after each step", .bound = 0};
  for (int64_t i = 0; i < count_of(type, start); ++i) {
    double y = from_f16(at<uint16_t>(start, i));
    for (int64_t turn = 0; turn < turns; ++turn) y = round_to_f16(y * type.factor + type.addend);
    check.max_error = std::max(check.max_error, std::abs(from_f16(at<uint16_t>(result, i)) - y));
    check.ok = check.ok && from_f16(at<uint16_t>(result, i)) == y;
  }
  return check;
}

// Products of bf16 are exact in float64; each of the 2 * turns sums may round in f32.
Check check_bf16(const FmaType& type, int64_t turns, const std::vector<char>& start,
                 const std::vector<char>& result, const std::vector<char>& a,
                 const std::vector<char>& b) {
  Check check{.what = "every element against float64, relative to the sum of magnitudes",
              .bound = static_cast<double>(2 * turns) * 0x1p-24};
  const int64_t lanes = kFmaVectorBytes / type.result_bytes;
  for (int64_t i = 0; i < count_of(type, start); ++i) {
    double y = at<float>(start, i);
    double size = std::abs(y);
    for (int64_t pair = i % lanes * 2; pair < i % lanes * 2 + 2; ++pair) {
      const double product = from_bf16(at<uint16_t>(a, pair)) * from_bf16(at<uint16_t>(b, pair));
      y += static_cast<double>(turns) * product;
      size += static_cast<double>(turns) * std::abs(product);
    }
    const double error = std::abs(at<float>(result, i) - y) / size;
    check.max_error = error > check.max_error || std::isnan(error) ? error : check.max_error;
  }
  check.ok = check.max_error <= check.bound;
  return check;
}

// Unsigned a, signed b; sums wrap.
Check check_i8(const FmaType& type, int64_t turns, const std::vector<char>& start,
               const std::vector<char>& result, const std::vector<char>& a,
               const std::vector<char>& b) {
  Check check{.what = "every element, exact in int32", .bound = 0};
  const int64_t lanes = kFmaVectorBytes / type.result_bytes;
  for (int64_t i = 0; i < count_of(type, start); ++i) {
    int64_t dot = 0;
    for (int64_t j = i % lanes * 4; j < i % lanes * 4 + 4; ++j) {
      dot += static_cast<int64_t>(at<uint8_t>(a, j)) * at<int8_t>(b, j);
    }
    const uint32_t y = at<uint32_t>(start, i) + static_cast<uint32_t>(turns * dot);
    const double error = std::abs(static_cast<double>(at<uint32_t>(result, i)) - y);
    check.max_error = std::max(check.max_error, error);
  }
  check.ok = check.max_error == 0;
  return check;
}

}  // namespace

const std::vector<FmaType>& fma_types() {
  // y converges to addend / (1 - factor) = 0.25: no subnormal slows it down.
  static const std::vector<FmaType> types = {{"f64", 8, 1, 0.99951171875, 0.0001220703125},
                                             {"f32", 4, 1, 0.99951171875, 0.0001220703125},
                                             {"f16", 2, 1, 0.96875, 0.0078125},
                                             {"bf16", 4, 2, 0, 0},
                                             {"i8", 4, 4, 0, 0}};
  return types;
}

const FmaType& fma_type(const std::string& dtype) {
  for (const FmaType& type : fma_types()) {
    if (type.dtype == dtype) return type;
  }
  throw Error("compute/fma knows no type " + dtype);
}

std::vector<char> fma_start(const FmaType& type, int64_t count) {
  std::vector<char> values(count * type.result_bytes);
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t random = mix(static_cast<uint32_t>(i) ^ 7u);
    const double size = 0.5 + std::ldexp(static_cast<double>(random & 0x7fffffffu), -32);
    const double y = random >> 31 != 0 ? -size : size;
    if (type.dtype == "f64") put(values, i, y);
    if (type.dtype == "f32" || type.dtype == "bf16") put(values, i, static_cast<float>(y));
    // Sign and mantissa at random, the exponent of [0.5, 1).
    if (type.dtype == "f16") put(values, i, static_cast<uint16_t>((random & 0x83ffu) | 0x3800u));
    if (type.dtype == "i8") put(values, i, random);
  }
  return values;
}

std::vector<char> fma_vector(const FmaType& type, uint32_t seed) {
  std::vector<char> values(kFmaVectorBytes);
  for (int64_t i = 0; i < kFmaVectorBytes / 2; ++i) {
    const uint32_t random = mix(static_cast<uint32_t>(i) ^ mix(seed));
    put(values, i, static_cast<uint16_t>(type.dtype == "bf16" ? float_bits(random) : random));
  }
  return values;
}

Check check_fma(const FmaType& type, int64_t turns, const std::vector<char>& start,
                const std::vector<char>& result, const std::vector<char>& a,
                const std::vector<char>& b) {
  if (type.dtype == "f64") return check_chain<double, long double>(type, turns, start, result);
  if (type.dtype == "f32") return check_chain<float, double>(type, turns, start, result);
  if (type.dtype == "f16") return check_f16(type, turns, start, result);
  if (type.dtype == "bf16") return check_bf16(type, turns, start, result, a, b);
  return check_i8(type, turns, start, result, a, b);
}

}  // namespace membound

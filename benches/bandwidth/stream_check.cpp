// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/stream_check.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace membound {
namespace {

// An odd count shows tails that are left out.
constexpr int64_t kOddCount = 100003;

template <typename T>
Check check_elements(const Device& device, const Stream& stream, Launch launch) {
  const int64_t n = std::min(launch.args.n[0] - 1, kOddCount);
  launch.args.n[0] = n;
  const auto operand = [&](int i) {
    return i < stream.reads ? device.to_host<T>(launch.args.buffer[1 + i].data, n)
                            : std::vector<T>(n);
  };
  const std::vector<T> b = operand(0);
  const std::vector<T> c = operand(1);
  // One element past the end shows overruns.
  char* beyond = static_cast<char*>(launch.args.buffer[0].data) + n * sizeof(T);
  const std::vector<T> before = device.to_host<T>(beyond, 1);
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const std::vector<T> a = device.to_host<T>(launch.args.buffer[0].data, n);

  // A product and a sum, each rounded once, fused or not. What only moves or fills must be exact.
  const bool exact = stream.flops_per_element == 0;
  Check check{.what = exact ? "every element exactly" : "every element against float64",
              .bound = exact ? 0.0 : 2.0 * std::numeric_limits<T>::epsilon()};
  for (int64_t i = 0; i < n; ++i) {
    const double expected = stream.reference(b[i], c[i]);
    const double size =
        std::abs(stream.scalar) * (std::abs(static_cast<double>(b[i])) + std::abs(c[i]));
    const double error = std::abs(a[i] - expected) / (size > 0 ? size : 1.0);
    if (!(error <= check.max_error)) check.max_error = error;  // NaN too
  }
  // Bits, for they may be those of no number.
  const std::vector<T> after = device.to_host<T>(beyond, 1);
  check.ok = check.max_error <= check.bound && std::memcmp(&before[0], &after[0], sizeof(T)) == 0;
  return check;
}

// The sum over the slots after one run over b and c.
template <typename T>
double run_sum(const Device& device, Launch launch, const std::vector<T>& b,
               const std::vector<T>& c) {
  const auto n = static_cast<int64_t>(b.size());
  const auto bytes = static_cast<int64_t>(n * sizeof(T));
  const Buffer operands[] = {device.alloc(bytes), device.alloc(bytes)};
  device.copy(operands[0].data(), b.data(), bytes);
  device.copy(operands[1].data(), c.data(), bytes);
  const std::vector<T> zeros(launch.args.n[1]);
  const auto slot_bytes = static_cast<int64_t>(zeros.size() * sizeof(T));
  device.copy(launch.args.buffer[0].data, zeros.data(), slot_bytes);
  launch.args.buffer[1].data = operands[0].data();
  launch.args.buffer[2].data = operands[1].data();
  launch.args.n[0] = n;
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto slots = device.to_host<T>(launch.args.buffer[0].data, launch.args.n[1]);
  device.copy(launch.args.buffer[0].data, zeros.data(), slot_bytes);
  return std::accumulate(slots.begin(), slots.end(), 0.0);
}

// Twice: small integers, whose sum is exact in any order, so that one element too few or too many
// shows; and random floats, which show that the arithmetic is no coarser than it claims.
template <typename T>
Check check_sum(const Device& device, const Stream& stream, const Launch& launch) {
  const int64_t n = std::min(launch.args.n[0], kOddCount);
  std::vector<T> b(n), c(n);
  double expected = 0;
  for (int64_t i = 0; i < n; ++i) {
    b[i] = static_cast<T>(1 + i % 3);
    c[i] = static_cast<T>(i % 2 == 0 ? 1 : -2);
    expected += stream.reference(b[i], c[i]);
  }
  const bool exact = run_sum<T>(device, launch, b, c) == expected;

  b = device.to_host<T>(launch.args.buffer[1].data, n);
  c = device.to_host<T>(launch.args.buffer[2].data, n);
  double size = 0;
  long double total = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double term = stream.reference(b[i], c[i]);
    total += term;
    size += std::abs(term);
  }
  // Kernels keep at least 4 partial sums a unit, so that none has more than n / 4 additions, each
  // off by half an epsilon of at most `size`; some dozens join the partial sums.
  const double additions = static_cast<double>(n) / 4 + 64;
  Check check{.what = "sum against float64; sum of small integers exactly",
              .bound = additions * std::numeric_limits<T>::epsilon() / 2};
  const auto found = run_sum<T>(device, launch, b, c);
  check.max_error = std::abs(found - static_cast<double>(total)) / size;
  check.ok = exact && check.max_error <= check.bound;
  return check;
}

template <typename T>
Check check_type(const Device& device, const Stream& stream, const Launch& launch) {
  return stream.writes > 0 ? check_elements<T>(device, stream, launch)
                           : check_sum<T>(device, stream, launch);
}

}  // namespace

Check check_stream(const Device& device, const Stream& stream, const std::string& dtype,
                   const Launch& launch) {
  return dtype == "f64" ? check_type<double>(device, stream, launch)
                        : check_type<float>(device, stream, launch);
}

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// The practical ceiling of arithmetic: a compute-bound product by the libraries that engines use.
// Each unit multiplies its own rows of A; B is one for all. The libraries are opened at run time: a
// case whose library is absent is skipped with the reason.
#include <bit>
#include <cmath>
#include <cstring>
#include <tuple>

#include "benches/harness/bench.h"
#include "benches/harness/fill/random_bits.h"
#include "benches/harness/workspace.h"

namespace membound {
namespace {

constexpr int64_t kRowsPerUnit = 256;
constexpr int64_t kSampledSums = 256;
constexpr int64_t kTextBytes = 512;
constexpr uint32_t kSeedOfA = 1;
constexpr uint32_t kSeedOfB = 2;

std::vector<Case> cases(Workspace& workspace) {
  const std::string& profile = workspace.options().profile;
  const int64_t m = workspace.device().info().compute_units * kRowsPerUnit;
  std::vector<Case> all;
  const auto add = [&](int64_t rows, int64_t n, int64_t k) {
    for (const auto& [dtype, library] : {std::pair{"f32", "openblas"},
                                         {"f64", "openblas"},
                                         {"f32", "onednn"},
                                         {"bf16", "onednn"}}) {
      all.push_back({dtype, {{"m", rows}, {"n", n}, {"k", k}, {"library", library}}});
    }
  };
  if (profile != "quick") add(m, 2048, 2048);
  if (profile == "full") {
    add(m / 4, 2048, 2048);
    add(m, 8192, 2048);
    add(m, 2048, 8192);
  }
  return all;
}

// The library's version; throws where it can't be used.
std::string open_library(const Device& device, const std::string& library) {
  const Buffer text = device.alloc(kTextBytes);
  const Buffer usable = device.alloc(64);
  const Launch launch{.kernel = device.need_kernel("library_gemm/describe/" + library),
                      .args = {.buffer = {{text.data(), 0}, {usable.data(), 0}}, .n = {kTextBytes}},
                      .depends = -1};
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const std::string found = device.to_host<char>(text.data(), kTextBytes).data();
  if (device.to_host<int32_t>(usable.data(), 1)[0] == 0) {
    throw Error(library + " can't be used here: " + found, kUnsupported);
  }
  return found;
}

int64_t bytes_of(const std::string& dtype) { return dtype == "f64" ? 8 : dtype == "f32" ? 4 : 2; }

// Random operands: two bf16 make an f32, and for f64 one f32 is widened.
std::vector<char> operand(const std::string& dtype, int64_t count, uint32_t seed) {
  std::vector<char> bytes(count * bytes_of(dtype));
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t random = mix(static_cast<uint32_t>(i) ^ mix(seed));
    const uint32_t high = float_bits(random >> 16);
    const auto f32 = std::bit_cast<float>(high << 16 | (random & 0xffffu));
    const double f64 = f32;
    const auto bf16 = static_cast<uint16_t>(high);
    const void* value = dtype == "f64"   ? static_cast<const void*>(&f64)
                        : dtype == "f32" ? static_cast<const void*>(&f32)
                                         : static_cast<const void*>(&bf16);
    std::memcpy(&bytes[i * bytes_of(dtype)], value, bytes_of(dtype));
  }
  return bytes;
}

double element(const std::string& dtype, const std::vector<char>& bytes, int64_t index) {
  const char* at = &bytes[index * bytes_of(dtype)];
  uint64_t bits = 0;
  std::memcpy(&bits, at, bytes_of(dtype));
  if (dtype == "f64") return std::bit_cast<double>(bits);
  const auto low = static_cast<uint32_t>(bits);
  return std::bit_cast<float>(dtype == "f32" ? low : low << 16);
}

// Some sums at random places, the corners among them. At most k roundings each.
Check check(const Device& device, const std::string& dtype, const Launch& launch,
            const std::string& library) {
  const auto [m, n, k] = std::tuple(launch.args.n[0], launch.args.n[1], launch.args.n[2]);
  const auto a = operand(dtype, m * k, kSeedOfA), b = operand(dtype, k * n, kSeedOfB);
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const std::string result = dtype == "f64" ? "f64" : "f32";
  const auto c = device.to_host<char>(launch.args.buffer[2].data, m * n * bytes_of(result));
  Check check{.what = "sampled sums against float64, relative to the sum of magnitudes; " + library,
              .bound = static_cast<double>(k) * (dtype == "f64" ? 0x1p-53 * 2 : 0x1p-24)};
  for (int64_t sample = 0; sample < kSampledSums; ++sample) {
    const int64_t at = sample == 0 ? 0 : sample == 1 ? m * n - 1 : mix(sample) % (m * n);
    double sum = 0, size = 0;
    for (int64_t i = 0; i < k; ++i) {
      const double term = element(dtype, a, at / n * k + i) * element(dtype, b, i * n + at % n);
      sum += term;
      size += std::abs(term);
    }
    const double error = std::abs(element(result, c, at) - sum) / size;
    check.max_error = error > check.max_error || std::isnan(error) ? error : check.max_error;
  }
  check.ok = check.max_error <= check.bound;
  return check;
}

// B in the library's own order, in a buffer that takes the place of the plain one.
void pack(const Device& device, Prepared& prepared, Launch& launch, const std::string& name) {
  const int64_t capacity = 2 * prepared.buffers[1].bytes();
  Buffer packed = device.alloc(capacity);
  const Buffer done = device.alloc(64);
  const Launch packing{
      .kernel = device.need_kernel("library_gemm/pack/" + name),
      .args = {.buffer = {launch.args.buffer[1], {packed.data(), 0}, {done.data(), 0}},
               .n = {launch.args.n[0], launch.args.n[1], launch.args.n[2], capacity}},
      .depends = -1};
  device.run({.launches = &packing, .count = 1, .ordered = 1});
  if (device.to_host<int32_t>(done.data(), 1)[0] == 0) {
    throw Error("the library has no product of this type and shape on this CPU", kUnsupported);
  }
  prepared.buffers[1] = std::move(packed);
  launch.args.buffer[1] = {prepared.buffers[1].data(), 0};
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const std::string library = open_library(device, text(c, "library"));
  const std::string name = c.dtype + "/" + text(c, "library");
  const int64_t m = integer(c, "m"), n = integer(c, "n"), k = integer(c, "k");
  Prepared prepared;
  prepared.kernel = "library_gemm/" + name;
  Launch launch{
      .kernel = device.need_kernel(prepared.kernel), .args = {.n = {m, n, k}}, .depends = -1};
  const auto a = operand(c.dtype, m * k, kSeedOfA), b = operand(c.dtype, k * n, kSeedOfB);
  const int64_t sizes[] = {static_cast<int64_t>(a.size()), static_cast<int64_t>(b.size()),
                           m * n * bytes_of(c.dtype == "f64" ? "f64" : "f32")};
  for (int i = 0; i < 3; ++i) {
    prepared.buffers.push_back(device.alloc(sizes[i]));
    launch.args.buffer[i] = {prepared.buffers[i].data(), 0};
  }
  device.copy(prepared.buffers[0].data(), a.data(), sizes[0]);
  device.copy(prepared.buffers[1].data(), b.data(), sizes[1]);
  if (c.dtype == "bf16") pack(device, prepared, launch, name);
  prepared.launches = {launch};
  prepared.work = {.activation_bytes = sizes[0] + sizes[1] + sizes[2],
                   .flops = {{c.dtype, 2 * m * n * k}}};
  prepared.check = [&workspace, dtype = c.dtype, launch, library] {
    return check(workspace.device(), dtype, launch, library);
  };
  return prepared;
}

const BenchRegistrar registrar(
    {.family = "compute",
     .name = "library_gemm",
     .question = "C = A . B by a vendor's library: how much of the arithmetic can software reach?",
     .stage = Stage::kCeiling,
     .cases = cases,
     .kernels = {"library_gemm/describe/openblas", "library_gemm/describe/onednn"},
     .prepare = prepare});

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/matmul.h"

#include <cmath>
#include <set>

#include "benches/inference/model_cases.h"
#include "benches/model/reference.h"

namespace membound {
namespace {

// Rows of W that are checked: the ends, where tails go wrong, and some between.
std::vector<int64_t> sampled_rows(int64_t n) {
  std::set<int64_t> rows;
  for (int64_t i = 0; i < std::min<int64_t>(n, 8); ++i) rows.insert({i, n - 1 - i});
  for (int64_t i = 0; i < 32; ++i) rows.insert(i * 2654435761 % n);
  return {rows.begin(), rows.end()};
}

// Units for bf16 take activations as bf16 too; a kernel may round them or keep them. It has to
// follow one of these two arithmetics closely, which finds more than a bound that allows for the
// rounding.
Check check_matmul(const Device& device, const Launch& launch, const std::string& dtype) {
  const auto [m, n, k] = std::tuple(launch.args.n[0], launch.args.n[1], launch.args.n[2]);
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto y = device.to_host<float>(launch.args.buffer[2].data, m * n);
  const auto x_single = device.to_host<float>(launch.args.buffer[1].data, m * k);
  const reference::Vector x(x_single.begin(), x_single.end());
  const reference::Vector x_rounded = reference::round_all(x, "bf16");
  const int64_t row_bytes = stored_bytes(dtype, k);
  const auto* weights = static_cast<const char*>(launch.args.buffer[0].data);
  std::vector<float> got;
  std::vector<double> exact, rounded, size;
  for (const int64_t row : sampled_rows(n)) {
    const auto w =
        reference::widen(device.to_host<uint8_t>(weights + row * row_bytes, row_bytes), dtype, k);
    const auto column = reference::matmul(x, w, m, 1, k);
    const auto column_rounded = reference::matmul(x_rounded, w, m, 1, k);
    for (int64_t i = 0; i < m; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j) sum += std::abs(x[i * k + j] * w[j]);
      got.push_back(y[i * n + row]);
      exact.push_back(column[i]);
      rounded.push_back(column_rounded[i]);
      size.push_back(sum);
    }
  }
  // Activations kept as two parts of bf16 lose up to 2^-18 = 3.8e-6.
  const double bound = dtype == "f32" ? 2e-6 : 5e-6;
  const std::string what = "sampled rows against float64, error over the sum of magnitudes";
  const Check check = compare(what, bound, got, exact, size);
  if (check.ok || dtype != "bf16") return check;
  return compare(what + ", activations rounded to bf16", bound, got, rounded, size);
}

Prepared prepare(Workspace& workspace, const std::string& name, const Case& c) {
  const Device& device = workspace.device();
  const int64_t m = integer(c, "m");
  const int64_t n = integer(c, "n");
  const int64_t k = integer(c, "k");
  const int64_t stride = (n * stored_bytes(c.dtype, k) + 63) / 64 * 64;
  MEMBOUND_CHECK(stride <= workspace.pool_bytes(), "the weights don't fit the pool");
  Prepared prepared;
  prepared.kernel = name + "/" + c.dtype;
  prepared.buffers.push_back(random_floats(device, m * k, 21));
  prepared.buffers.push_back(device.alloc(m * n * 4));
  const Launch launch{.kernel = device.need_kernel(prepared.kernel),
                      .args = {.buffer = {{workspace.pool(0), stride},
                                          {prepared.buffers[0].data(), 0},
                                          {prepared.buffers[1].data(), 0}},
                               .n = {m, n, k, 0}},
                      .depends = -1};
  prepared.launches = {launch};
  prepared.work = matmul_work(m, n, k, false, c.dtype);
  prepared.cold = true;
  prepared.rotation = workspace.pool_bytes() / stride;
  prepared.footprint_bytes = prepared.rotation * stride;
  prepared.check = [&workspace, launch, dtype = c.dtype] {
    return check_matmul(workspace.device(), launch, dtype);
  };
  return prepared;
}

}  // namespace

Bench matmul_bench(const std::string& name, const std::string& question,
                   std::vector<Case> (*extra_cases)(Workspace&)) {
  const auto cases = [name, extra_cases](Workspace& workspace) {
    std::vector<Case> all = model_cases(workspace, name);
    if (extra_cases == nullptr) return all;
    std::set<std::string> seen;
    const Bench bench{.family = "inference", .name = name};
    for (const Case& c : all) seen.insert(case_name(bench, c));
    for (const Case& c : extra_cases(workspace)) {
      if (seen.insert(case_name(bench, c)).second) all.push_back(c);
    }
    return all;
  };
  return {.family = "inference",
          .name = name,
          .question = question,
          .stage = Stage::kKernel,
          .cases = cases,
          .kernels = {name + "/f32", name + "/f16", name + "/bf16", "fill/bf16", "fill/f32"},
          .prepare = [name](Workspace& w, const Case& c) { return prepare(w, name, c); }};
}

}  // namespace membound

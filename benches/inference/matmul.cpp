// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/matmul.h"

#include <cmath>
#include <set>

#include "benches/inference/model_cases.h"
#include "benches/model/device_weights.h"
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

}  // namespace

std::vector<Arithmetic> arithmetics(const std::string& dtype, const reference::Vector& x) {
  std::vector<Arithmetic> all = {{"", x, false}};
  if (dtype == "bf16" || is_quantised(dtype)) {
    all.push_back({", activations rounded to bf16", reference::round_all(x, "bf16"), false});
  }
  if (is_quantised(dtype)) {
    all.push_back({", activations rounded to int8", reference::round_blocks(x), false});
    all.push_back({", activations rounded to two int8",
                   reference::round_blocks(x, reference::kTwoInt8Levels), false});
    all.push_back({", both rounded to bf16", reference::round_all(x, "bf16"), true});
  }
  return all;
}

double matmul_bound(const std::string& dtype) { return dtype == "f32" ? 2e-6 : 5e-6; }

Check check_matmul(const Device& device, const Launch& launch, const std::string& dtype) {
  const auto [m, n, k] = std::tuple(launch.args.n[0], launch.args.n[1], launch.args.n[2]);
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto y = device.to_host<float>(launch.args.buffer[2].data, m * n);
  const auto x_single = device.to_host<float>(launch.args.buffer[1].data, m * k);
  const reference::Vector x(x_single.begin(), x_single.end());
  const auto tried = arithmetics(dtype, x);
  std::vector<float> got;
  std::vector<double> size;
  std::vector<reference::Vector> expected(tried.size());
  for (const int64_t row : sampled_rows(n)) {
    const auto w = weights_row(device, launch.args.buffer[0].data, n, k, dtype, row);
    for (int64_t i = 0; i < m; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j) sum += std::abs(x[i * k + j] * w[j]);
      got.push_back(y[i * n + row]);
      size.push_back(sum);
    }
    const auto rounded = reference::round_all(w, "bf16");
    for (size_t a = 0; a < tried.size(); ++a) {
      const auto column =
          reference::matmul(tried[a].x, tried[a].bf16_weights ? rounded : w, m, 1, k);
      expected[a].insert(expected[a].end(), column.begin(), column.end());
    }
  }
  const double bound = matmul_bound(dtype);
  Check best;
  for (size_t a = 0; a < tried.size(); ++a) {
    const Check check =
        compare("sampled rows against float64, error over the sum of magnitudes" + tried[a].what,
                bound, got, expected[a], size);
    if (a == 0 || check.ok || check.max_error < best.max_error) best = check;
    if (check.ok) break;
  }
  return best;
}

namespace {

// The pool holds no quantised elements of high entropy: the check brings its own weights.
Check check_quantised(const Device& device, Launch launch, const std::string& dtype) {
  const int64_t n = launch.args.n[1], k = launch.args.n[2];
  const Buffer weights = device.alloc(n * stored_bytes(dtype, k));
  fill_weights(device, weights.data(), n, k, dtype, 31);
  launch.args.buffer[0] = {weights.data(), 0};
  return check_matmul(device, launch, dtype);
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
    return is_quantised(dtype) ? check_quantised(workspace.device(), launch, dtype)
                               : check_matmul(workspace.device(), launch, dtype);
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

// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "benches/inference/experts/host_plan.h"
#include "benches/inference/matmul.h"
#include "benches/inference/model_cases.h"
#include "benches/model/device_weights.h"
#include "benches/model/reference.h"

namespace membound {
namespace {

struct Experts {
  std::string dtype;
  int64_t tokens, chosen, touched, n, k;
  bool gather;  // inputs are tokens, else slots

  int64_t pairs() const { return tokens * chosen; }
  int64_t row_bytes() const { return stored_bytes(dtype, k); }
  int64_t inputs() const { return gather ? tokens : pairs(); }
};

// One output row of W with all slots of an expert; each by one of the arithmetics that a matmul
// alone may follow.
struct Sums {
  std::vector<float> got;
  std::vector<double> size;
  std::vector<std::string> what;
  std::vector<reference::Vector> expected;  // of each arithmetic

  void add(float y, const std::string& dtype, const reference::Vector& x,
           const reference::Vector& w) {
    const auto tried = arithmetics(dtype, x);
    expected.resize(tried.size());
    what.clear();
    for (size_t a = 0; a < tried.size(); ++a) {
      const auto& weights = tried[a].bf16_weights ? reference::round_all(w, "bf16") : w;
      const auto k = static_cast<int64_t>(x.size());
      expected[a].push_back(reference::matmul(tried[a].x, weights, 1, 1, k)[0]);
      what.push_back(tried[a].what);
    }
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += std::abs(x[i] * w[i]);
    got.push_back(y);
    size.push_back(sum);
  }

  Check check(const std::string& dtype) const {
    const double bound = matmul_bound(dtype);
    Check best;
    for (size_t a = 0; a < expected.size(); ++a) {
      const Check check =
          compare("sampled rows against float64, error over the sum of magnitudes" + what[a], bound,
                  got, expected[a], size);
      if (check.ok) return check;
      if (a == 0) best = check;
    }
    return best;
  }
};

Check check_experts(const Device& device, const Launch& launch, const Experts& e,
                    const ExpertPlan& plan) {
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto x = device.to_host<float>(launch.args.buffer[1].data, e.inputs() * e.k);
  const auto y = device.to_host<float>(launch.args.buffer[2].data, e.pairs() * e.n);
  const auto* weights = static_cast<const char*>(launch.args.buffer[0].data);
  Check worst;
  for (int64_t index = 0; index < e.touched; index += std::max<int64_t>(1, e.touched / 7)) {
    Sums sums;
    const char* matrix = weights + plan.expert[index] * e.n * e.row_bytes();
    for (const int64_t row : {int64_t{0}, e.n / 3, e.n / 2, e.n - 1}) {
      const auto w = weights_row(device, matrix, e.n, e.k, e.dtype, row);
      for (int64_t slot = plan.first_slot[index]; slot < plan.first_slot[index + 1]; ++slot) {
        const auto from = x.begin() + (e.gather ? plan.token_of_slot[slot] : slot) * e.k;
        sums.add(y[slot * e.n + row], e.dtype, {from, from + e.k}, w);
      }
    }
    const Check check = sums.check(e.dtype);
    if (!check.ok) return check;
    if (check.max_error >= worst.max_error) worst = check;
  }
  return worst;
}

// Buffer sets hold the touched experts alone, one after the other.
Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const Experts e{
      c.dtype,         integer(c, "rows"), integer(c, "chosen"),     integer(c, "touched"),
      integer(c, "n"), integer(c, "k"),    integer(c, "gather") != 0};
  const int64_t stride = (e.touched * e.n * e.row_bytes() + 63) / 64 * 64;
  if (stride > workspace.pool_bytes()) throw Error("too large for the pool", kUnsupported);
  const auto plan = std::make_shared<HostPlan>(e.pairs(), e.chosen, e.touched, e.touched);
  Prepared prepared;
  prepared.buffers.push_back(random_floats(device, e.inputs() * e.k, 91));
  prepared.buffers.push_back(device.alloc(e.pairs() * e.n * 4));
  prepared.buffers.push_back(plan->upload(device));
  const Launch launch{.kernel = device.need_kernel("experts/" + c.dtype),
                      .args = {.buffer = {{workspace.pool(0), stride},
                                          {prepared.buffers[0].data()},
                                          {prepared.buffers[1].data()},
                                          {prepared.buffers[2].data()}},
                               .n = {e.pairs(), e.n, e.k, e.touched, e.gather ? 1 : 0}},
                      .depends = -1};
  prepared.launches = {launch};
  prepared.cold = true;
  prepared.rotation = workspace.pool_bytes() / stride;
  prepared.footprint_bytes = prepared.rotation * stride;
  prepared.check = [&device, launch, e, plan] {
    return check_experts(device, launch, e, plan->view());
  };
  return prepared;
}

const BenchRegistrar registrar(
    kernel_bench("experts", "tokens times the matrices of their experts, from memory",
                 {"experts/f32", "experts/f16", "experts/bf16", "fill/bf16"}, prepare));

}  // namespace
}  // namespace membound

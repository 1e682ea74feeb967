// SPDX-License-Identifier: Apache-2.0
// The other ceiling: fused multiply-adds on registers alone.
#include <cmath>

#include "benches/harness/bench.h"
#include "benches/harness/workspace.h"

namespace membound {
namespace {

constexpr double kFactor = 0.9995117187500;  // exact in f32; x converges, and never to a subnormal
constexpr double kAddend = 0.0001220703125;
constexpr int64_t kElementsPerUnit = 12288;  // whole register blocks on every known device

std::vector<Case> cases(Workspace&) { return {{"f32", {}}}; }

Check check_fma(const Device& device, Launch launch, int64_t elements) {
  launch.args.n[1] = 100;
  const auto x = device.to_host<float>(launch.args.buffer[0].data, elements);
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto y = device.to_host<float>(launch.args.buffer[1].data, elements);
  Check check{.what = "every element against float64", .bound = 100 * 6.0e-8};
  for (int64_t i = 0; i < elements; ++i) {
    double expected = x[i];
    for (int64_t j = 0; j < launch.args.n[1]; ++j) expected = expected * kFactor + kAddend;
    check.max_error = std::max(check.max_error, std::abs(y[i] - expected));
  }
  check.ok = check.max_error <= check.bound;
  return check;
}

Prepared prepare(Workspace& workspace, const Case&) {
  const Device& device = workspace.device();
  const int64_t elements = device.info().compute_units * kElementsPerUnit;
  constexpr int64_t kIterations = 1024;
  Prepared prepared;
  prepared.kernel = "fma/f32";
  prepared.buffers.push_back(device.alloc(elements * 4));
  prepared.buffers.push_back(device.alloc(elements * 4));
  fill_random(device, prepared.buffers[0].data(), elements, "f32", 7);
  prepared.launches = {
      {.kernel = device.need_kernel("fma/f32"),
       .args = {.buffer = {{prepared.buffers[0].data(), 0}, {prepared.buffers[1].data(), 0}},
                .n = {elements, kIterations},
                .scalar = {kFactor, kAddend}},
       .depends = -1}};
  prepared.work = {.activation_bytes = 8 * elements,
                   .flops = {{"f32", 2 * elements * kIterations}}};
  prepared.check = [&workspace, launch = prepared.launches[0], elements] {
    return check_fma(workspace.device(), launch, elements);
  };
  return prepared;
}

const BenchRegistrar registrar({.family = "compute",
                                .name = "fma",
                                .question = "x = x * a + b in registers: how fast is arithmetic?",
                                .stage = Stage::kCeiling,
                                .light = true,
                                .cases = cases,
                                .kernels = {"fma/f32", "fill/f32"},
                                .prepare = prepare});

}  // namespace
}  // namespace membound

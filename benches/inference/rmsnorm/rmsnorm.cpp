// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/model_cases.h"
#include "benches/model/reference.h"

namespace membound {
namespace {

constexpr double kEpsilon = 1e-5;

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t rows = integer(c, "rows");
  const int64_t width = integer(c, "width");
  Prepared prepared;
  prepared.buffers.push_back(random_floats(device, rows * width, 31));
  prepared.buffers.push_back(random_floats(device, width, 32));
  prepared.buffers.push_back(device.alloc(rows * width * 4));
  const Launch launch{.kernel = device.need_kernel("rmsnorm/f32"),
                      .args = {.buffer = {{prepared.buffers[0].data()},
                                          {prepared.buffers[1].data()},
                                          {prepared.buffers[2].data()}},
                               .n = {rows, width, 0, 1},
                               .scalar = {kEpsilon}},
                      .depends = -1};
  prepared.launches = {launch};
  prepared.check = [&device, launch, rows, width] {
    const auto x = device.to_host<float>(launch.args.buffer[0].data, rows * width);
    const auto weight = device.to_host<float>(launch.args.buffer[1].data, width);
    device.run({.launches = &launch, .count = 1, .ordered = 1});
    const auto y = device.to_host<float>(launch.args.buffer[2].data, rows * width);
    return compare(
        "every element against float64, error over the largest", 1e-6, y,
        reference::rmsnorm({x.begin(), x.end()}, {weight.begin(), weight.end()}, rows, kEpsilon));
  };
  return prepared;
}

const BenchRegistrar registrar(kernel_bench("rmsnorm", "root mean square norm of rows in caches",
                                            {"rmsnorm/f32", "fill/f32"}, prepare));

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/model_cases.h"
#include "benches/model/reference.h"

namespace membound {
namespace {

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t rows = integer(c, "rows");
  const int64_t width = integer(c, "width");
  Prepared prepared;
  prepared.buffers.push_back(random_floats(device, rows * 2 * width, 41));
  prepared.buffers.push_back(device.alloc(rows * width * 4));
  const Launch launch{
      .kernel = device.need_kernel("silu_mul/f32"),
      .args = {.buffer = {{prepared.buffers[0].data()}, {prepared.buffers[1].data()}},
               .n = {rows, width}},
      .depends = -1};
  prepared.launches = {launch};
  prepared.check = [&device, launch, rows, width] {
    const auto x = device.to_host<float>(launch.args.buffer[0].data, rows * 2 * width);
    device.run({.launches = &launch, .count = 1, .ordered = 1});
    const auto y = device.to_host<float>(launch.args.buffer[1].data, rows * width);
    std::vector<double> expected(rows * width);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < width; ++i) {
        expected[r * width + i] =
            reference::silu(x[r * 2 * width + i]) * x[r * 2 * width + width + i];
      }
    }
    return compare("every element against float64, error over the largest", 1e-6, y, expected);
  };
  return prepared;
}

const BenchRegistrar registrar(kernel_bench("silu_mul", "silu(gate) * up of rows in caches",
                                            {"silu_mul/f32", "fill/f32"}, prepare));

}  // namespace
}  // namespace membound

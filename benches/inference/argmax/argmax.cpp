// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "benches/inference/argmax/scratch.h"
#include "benches/inference/model_cases.h"

namespace membound {
namespace {

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t rows = integer(c, "rows");
  const int64_t width = integer(c, "width");
  Prepared prepared;
  prepared.buffers.push_back(random_floats(device, rows * width, 51));
  prepared.buffers.push_back(device.alloc(rows * 4));
  prepared.buffers.push_back(device.alloc(argmax_scratch_bytes(rows)));
  const Launch launch{.kernel = device.need_kernel("argmax/f32"),
                      .args = {.buffer = {{prepared.buffers[0].data()},
                                          {prepared.buffers[1].data()},
                                          {prepared.buffers[2].data()}},
                               .n = {rows, width}},
                      .depends = -1};
  prepared.launches = {launch};
  prepared.check = [&device, launch, rows, width] {
    const auto x = device.to_host<float>(launch.args.buffer[0].data, rows * width);
    device.run({.launches = &launch, .count = 1, .ordered = 1});
    const auto chosen = device.to_host<int32_t>(launch.args.buffer[1].data, rows);
    int64_t wrong = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const auto row = x.begin() + r * width;
      wrong += chosen[r] != std::max_element(row, row + width) - row ? 1 : 0;
    }
    return Check{.ok = wrong == 0,
                 .what = "first largest element of each row, wrong rows",
                 .max_error = static_cast<double>(wrong)};
  };
  return prepared;
}

const BenchRegistrar registrar(kernel_bench("argmax", "index of the largest logit of each row",
                                            {"argmax/f32", "fill/f32"}, prepare));

}  // namespace
}  // namespace membound

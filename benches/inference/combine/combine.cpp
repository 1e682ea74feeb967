// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/experts/host_plan.h"
#include "benches/inference/model_cases.h"

namespace membound {
namespace {

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t rows = integer(c, "rows");
  const int64_t width = integer(c, "width");
  const int64_t chosen = integer(c, "chosen");
  const int64_t pairs = rows * chosen;
  auto plan = std::make_shared<HostPlan>(pairs, chosen, chosen, chosen);
  Prepared prepared;
  prepared.buffers.push_back(random_floats(device, pairs * width, 81));
  prepared.buffers.push_back(random_floats(device, pairs, 82));
  prepared.buffers.push_back(plan->upload(device));
  prepared.buffers.push_back(random_floats(device, rows * width, 83));
  Launch launch{.kernel = device.need_kernel("combine/f32"),
                .args = {.n = {rows, width, chosen, chosen}},
                .depends = -1};
  for (int i = 0; i < 4; ++i) launch.args.buffer[i] = {prepared.buffers[i].data()};
  prepared.launches = {launch};
  prepared.check = [&device, launch, rows, width, chosen, plan] {
    const auto z = device.to_host<float>(launch.args.buffer[0].data, rows * chosen * width);
    const auto weights = device.to_host<float>(launch.args.buffer[1].data, rows * chosen);
    const auto x = device.to_host<float>(launch.args.buffer[3].data, rows * width);
    device.run({.launches = &launch, .count = 1, .ordered = 1});
    const auto y = device.to_host<float>(launch.args.buffer[3].data, rows * width);
    std::vector<double> expected(x.begin(), x.end());
    for (int64_t pair = 0; pair < rows * chosen; ++pair) {
      const int64_t slot = plan->view().slot_of_pair[pair];
      for (int64_t i = 0; i < width; ++i) {
        expected[pair / chosen * width + i] +=
            static_cast<double>(weights[pair]) * z[slot * width + i];
      }
    }
    return compare("every element against float64, error over the largest", 1e-6, y, expected);
  };
  return prepared;
}

const BenchRegistrar registrar(
    kernel_bench("combine", "weighted sum of the experts' outputs of each token, in caches",
                 {"combine/f32", "fill/f32"}, prepare));

}  // namespace
}  // namespace membound

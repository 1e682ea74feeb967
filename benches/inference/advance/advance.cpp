// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/model_cases.h"

namespace membound {
namespace {

Prepared prepare(Workspace& workspace, const Case&) {
  const Device& device = workspace.device();
  constexpr int64_t kStart = 3;
  constexpr int64_t kLimit = 7;
  Prepared prepared;
  prepared.buffers.push_back(device.alloc(sizeof(StepState)));
  const Launch launch{.kernel = device.need_kernel("advance"),
                      .args = {.buffer = {{prepared.buffers[0].data()}}, .n = {kStart, kLimit}},
                      .depends = -1};
  prepared.launches = {launch};
  prepared.check = [&device, launch] {
    const StepState begin{.position = kStart, .step = 0};
    device.copy(launch.args.buffer[0].data, &begin, sizeof begin);
    constexpr int64_t kRuns = 6;
    device.measure({.launches = &launch, .count = 1, .ordered = 1},
                   {.runs = kRuns, .samples = 1, .rotation = 1});
    const auto end = device.to_host<StepState>(launch.args.buffer[0].data, 1)[0];
    const int64_t expected = kStart + kRuns % (kLimit - kStart);
    return Check{.ok = end.position == expected && end.step == kRuns,
                 .what = "position after some runs",
                 .max_error = static_cast<double>(end.position - expected)};
  };
  return prepared;
}

const BenchRegistrar registrar(kernel_bench("advance",
                                            "moves the position on: a step's smallest launch",
                                            {"advance"}, prepare));

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/overhead/empty.h"

#include "benches/harness/workspace.h"

namespace membound {
namespace {

// The kernel adds one to its first operand, by one thread: an empty launch that shows it ran.
Check check_count(const Device& device, const Launch& launch) {
  const int64_t zero = 0;
  device.copy(launch.args.buffer[0].data, &zero, sizeof zero);
  constexpr int64_t kRuns = 1000;
  device.measure({.launches = &launch, .count = 1, .ordered = 1},
                 {.runs = kRuns, .samples = 1, .rotation = 1});
  const int64_t counted = device.to_host<int64_t>(launch.args.buffer[0].data, 1)[0];
  return {.ok = counted == kRuns,
          .what = "launches counted",
          .max_error = static_cast<double>(counted - kRuns)};
}

}  // namespace

Bench empty_bench(const std::string& name, const std::string& question, bool ordered) {
  const auto prepare = [ordered](Workspace& workspace, const Case&) {
    const Device& device = workspace.device();
    Prepared prepared;
    prepared.kernel = "empty";
    prepared.ordered = ordered;
    prepared.buffers.push_back(device.alloc(64));
    prepared.launches = {{.kernel = device.need_kernel("empty"),
                          .args = {.buffer = {{prepared.buffers[0].data(), 0}}},
                          .depends = -1}};
    prepared.check = [&workspace, launch = prepared.launches[0]] {
      return check_count(workspace.device(), launch);
    };
    return prepared;
  };
  return {.family = "overhead",
          .name = name,
          .question = question,
          .stage = Stage::kCeiling,
          .cases =
              [](Workspace&) {
                return std::vector<Case>{{"none", {}}};
              },
          .kernels = {"empty"},
          .prepare = prepare};
}

}  // namespace membound

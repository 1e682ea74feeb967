// SPDX-License-Identifier: Apache-2.0
// The actions that measure nothing: --list, --print-work and --describe.
#include <iostream>

#include "benches/harness/actions.h"
#include "benches/harness/build_info.h"
#include "benches/harness/context.h"
#include "benches/harness/workspace.h"
#include "benches/model/describe_weights.h"
#include "benches/model/steps.h"

namespace membound {
namespace {

using nlohmann::json;

json launch_json(const Op& op) {
  return {
      {"op", op.name}, {"bench", bench_name(op)}, {"layer", op.layer}, {"work", to_json(op.work)}};
}

json step_json(const Options& options, const StepSpec& step) {
  const auto ops = step_ops(*options.model, options.types, step);
  json launches = json::array();
  for (const auto& op : ops) launches.push_back(launch_json(op));
  const bool decode = step.phase == StepSpec::kDecode;
  return {{"phase", decode ? "decode" : "prefill"},
          {"batch", step.batch},
          {decode ? "context" : "tokens", step.tokens},
          {"launches", launches},
          {"total", to_json(total(ops))},
          {"bytes_by_class", bytes_by_class(*options.model, ops)},
          {"weight_bytes", weight_bytes(*options.model, options.types)},
          {"kv_bytes", kv_bytes(*options.model, options.types, step)}};
}

}  // namespace

int print_work(const Options& options) {
  if (!options.model) throw InputError("--print-work needs --model=ID|CONFIG.JSON");
  json programs = json::array();
  for (const int64_t batch : options.batches) {
    for (const int64_t context : options.contexts) {
      programs.push_back(step_json(options, {StepSpec::kDecode, batch, context}));
    }
  }
  for (const int64_t tokens : options.prefills) {
    programs.push_back(step_json(options, {StepSpec::kPrefill, 1, tokens}));
  }
  const json whole = {{"model", to_json(*options.model)},
                      {"types", to_json(options.types)},
                      {"programs", programs}};
  std::cout << whole.dump() << "\n";
  return 0;
}

int describe_file(const Options& options) {
  std::cout << describe(read_weights(options.describe)).dump() << "\n";
  return 0;
}

int list(const Options& options) {
  const auto backends = load_backends(options.backends_folder);
  json rows = json::array();
  std::vector<std::unique_ptr<Workspace>> workspaces;
  for (const auto& device : open_devices(backends, options.devices)) {
    workspaces.push_back(std::make_unique<Workspace>(device, options));
  }
  for (const auto& bench : benches()) {
    json devices = json::array();
    for (auto& workspace : workspaces) {
      if (bench.runs_on(workspace->device())) devices.push_back(workspace->device().id());
    }
    rows.push_back({{"name", bench.family + "/" + bench.name},
                    {"question", bench.question},
                    {"devices", devices}});
  }
  const json whole = {
      {"backends", backends_json(backends)}, {"benches", rows}, {"glibc_floor", kGlibcFloor}};
  std::cout << whole.dump() << "\n";
  return 0;
}

}  // namespace membound

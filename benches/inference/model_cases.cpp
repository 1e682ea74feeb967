// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/model_cases.h"

#include <cmath>
#include <set>

namespace membound {

std::vector<StepSpec> steps_of(const Options& options) {
  std::vector<StepSpec> steps;
  if (!options.model) return steps;
  for (const int64_t batch : options.batches) {
    for (const int64_t context : options.contexts) {
      steps.push_back({StepSpec::kDecode, batch, context});
    }
  }
  for (const int64_t tokens : options.prefills) steps.push_back({StepSpec::kPrefill, 1, tokens});
  return steps;
}

std::vector<Op> model_ops(const Workspace& workspace, const std::string& name,
                          const ExtraSteps& extra) {
  const Options& options = workspace.options();
  std::vector<StepSpec> steps = steps_of(options);
  if (extra && options.model) {
    for (const StepSpec& step : extra(options)) steps.push_back(step);
  }
  std::vector<Op> distinct;
  std::set<std::string> seen;
  for (const StepSpec& step : steps) {
    for (Op& op : step_ops(*options.model, options.types, step)) {
      if (op.bench == name && seen.insert(bench_name(op)).second) distinct.push_back(std::move(op));
    }
  }
  return distinct;
}

std::vector<Case> model_cases(const Workspace& workspace, const std::string& name,
                              const ExtraSteps& extra) {
  std::vector<Case> cases;
  for (const Op& op : model_ops(workspace, name, extra)) cases.push_back(op.shape);
  return cases;
}

Op model_op(const Workspace& workspace, const std::string& name, const Case& c,
            const ExtraSteps& extra) {
  const Bench bench{.family = "inference", .name = name};
  for (const Op& op : model_ops(workspace, name, extra)) {
    if (bench_name(op) == case_name(bench, c)) return op;
  }
  throw Error("the model has no " + case_name(bench, c));
}

Bench kernel_bench(const std::string& name, const std::string& question,
                   const std::vector<std::string>& kernels,
                   std::function<Prepared(Workspace&, const Case&)> prepare,
                   const ExtraSteps& extra) {
  const auto with_work = [name, prepare, extra](Workspace& workspace, const Case& c) {
    Prepared prepared = prepare(workspace, c);
    prepared.kernel = name + (c.dtype == "none" ? "" : "/" + c.dtype);
    prepared.work = model_op(workspace, name, c, extra).work;
    return prepared;
  };
  return {.family = "inference",
          .name = name,
          .question = question,
          .stage = Stage::kKernel,
          .cases = [name, extra](Workspace& w) { return model_cases(w, name, extra); },
          .kernels = kernels,
          .prepare = with_work};
}

Buffer random_floats(const Device& device, int64_t count, uint64_t seed) {
  Buffer buffer = device.alloc(count * 4);
  fill_random(device, buffer.data(), count, "f32", seed);
  return buffer;
}

Check compare(const std::string& what, double bound, const std::vector<float>& got,
              const std::vector<double>& expected, const std::vector<double>& size) {
  Check check{.ok = got.size() == expected.size(), .what = what, .bound = bound};
  for (size_t i = 0; check.ok && i < got.size(); ++i) {
    const double error = std::abs(got[i] - expected[i]) / size[i];
    // Written so that NaN fails.
    if (!(error <= check.max_error)) check.max_error = error;
  }
  check.ok = check.ok && check.max_error <= bound;
  return check;
}

Check compare(const std::string& what, double bound, const std::vector<float>& got,
              const std::vector<double>& expected) {
  double largest = 1e-30;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  return compare(what, bound, got, expected, std::vector<double>(expected.size(), largest));
}

}  // namespace membound

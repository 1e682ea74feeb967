// SPDX-License-Identifier: Apache-2.0
// What the kernel benches share: their cases are the shapes that the model's steps use.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "benches/harness/workspace.h"
#include "benches/model/steps.h"

namespace membound {

// All steps that the options ask for; none without a model.
std::vector<StepSpec> steps_of(const Options& options);

// Steps beyond those, of which a bench measures its part alone; may be empty.
using ExtraSteps = std::function<std::vector<StepSpec>(const Options&)>;

// The distinct ops of all these steps that bench `name` measures.
std::vector<Op> model_ops(const Workspace& workspace, const std::string& name,
                          const ExtraSteps& extra = nullptr);
std::vector<Case> model_cases(const Workspace& workspace, const std::string& name,
                              const ExtraSteps& extra = nullptr);
// The one of them with this case; throws Error if there is none.
Op model_op(const Workspace& workspace, const std::string& name, const Case& c,
            const ExtraSteps& extra = nullptr);

// A bench whose cases are the model's; `prepare` gets the case and the op's work is filled in.
Bench kernel_bench(const std::string& name, const std::string& question,
                   const std::vector<std::string>& kernels,
                   std::function<Prepared(Workspace&, const Case&)> prepare,
                   const ExtraSteps& extra = nullptr);

// A device buffer with random f32 activations.
Buffer random_floats(const Device& device, int64_t count, uint64_t seed);

// Largest error of `got` against `expected`, in units of `size`.
Check compare(const std::string& what, double bound, const std::vector<float>& got,
              const std::vector<double>& expected, const std::vector<double>& size);
// The same with each error in units of the largest expected magnitude.
Check compare(const std::string& what, double bound, const std::vector<float>& got,
              const std::vector<double>& expected);

}  // namespace membound

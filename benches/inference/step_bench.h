// SPDX-License-Identifier: Apache-2.0
// What decode and prefill share: a whole step as one program, checked as a whole.
#pragma once

#include "benches/inference/model_cases.h"
#include "benches/model/program.h"

namespace membound {

// All memory of the smallest step of that phase: weights, cache and the anchor's pool included.
// Steps that need more than is free are skipped one by one.
int64_t step_need_bytes(const Workspace& workspace, StepSpec::Phase phase);

// A small transformer with the shape's head size and grouping: prefill, then decode with a growing
// context, logits against the float64 reference at each step. Several sequences.
Check check_transformer(const Device& device, const Shape& shape, const Types& types);

Bench step_bench(const std::string& name, const std::string& question, StepSpec::Phase phase);

}  // namespace membound

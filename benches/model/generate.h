// SPDX-License-Identifier: Apache-2.0
// Greedy generation: a prefill and decode steps with a growing cache, as a user meets them.
#pragma once

#include <cstdint>
#include <vector>

#include "benches/model/program.h"

namespace membound {

using Tokens = std::vector<int32_t>;

struct Generated {
  std::vector<Tokens> tokens;          // of each sequence, without its prompt
  double seconds_to_first_token = 0;   // of all sequences: one prefill
  std::vector<double> output_seconds;  // of each decode step after it
  // Experts of a layer that one step touched, on average; 0 without a mixture or without the step.
  double prefill_experts_touched = 0, decode_experts_touched = 0;
  // [sequence][position][vocab] where they were asked for: after each token of the prompt and each
  // generated one but the last.
  std::vector<float> logits;
};

// `prompts` are of equal length. Logits at positions of the prompt come from a prefill up to each.
Generated generate(const Device& device, const Shape& shape, const Types& types,
                   const DeviceWeights& weights, const std::vector<Tokens>& prompts, int64_t count,
                   bool with_logits);

}  // namespace membound

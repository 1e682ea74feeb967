// SPDX-License-Identifier: Apache-2.0
// A whole prefill or decode step on a device as one program: the model's weights, a key-value
// cache, and the launches that the list of ops turns into.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "benches/model/device_weights.h"
#include "benches/model/steps.h"

namespace membound {

// Keys and values of `sequences` sequences of up to `capacity` tokens, a buffer a layer each.
class DeviceCache {
 public:
  DeviceCache(const Device& device, const Shape& shape, const Types& types, int64_t sequences,
              int64_t tokens);
  // Random contents, for contexts that nobody computed.
  void fill(const Device& device);

  int64_t capacity;  // tokens of a sequence, a multiple of 16
  std::vector<Buffer> keys, values;

 private:
  std::string dtype_;
};

class StepProgram {
 public:
  StepProgram(const Device& device, const Shape& shape, const Types& types, const StepSpec& step,
              const DeviceWeights& weights, const DeviceCache& cache);

  const std::vector<Launch>& launches() const { return launches_; }
  // The position of the newest token, and the one past the last that a step may go on to; the
  // position then goes back. [context - 1, context) keeps a context, a wider window lets it grow.
  void set_window(int64_t position, int64_t start, int64_t limit);
  // Of the rows of the next run: [batch][tokens of a sequence].
  void set_tokens(const std::vector<int32_t>& tokens);
  // What the last run chose for each sequence. Decode feeds it to the next run by itself.
  std::vector<int32_t> chosen() const;
  std::vector<float> logits() const;  // [batch][vocab]
  // Experts of a layer that the runs since the last call touched, on average; 0 without a mixture.
  double take_experts_touched();
  // All memory but weights and cache.
  static int64_t activation_bytes(const Shape& shape, const StepSpec& step);

 private:
  Args args_of(const Op& op, const DeviceWeights& weights, const DeviceCache& cache) const;
  // None for the ops that a mixture shares with a dense MLP.
  std::optional<Args> mixture_args(const Op& op, const DeviceWeights::Layer* w) const;

  const Device& device_;
  const Shape shape_;
  const StepSpec step_;
  int64_t splits_;
  std::vector<Launch> launches_;
  Buffer state_, tokens_, chosen_, frequencies_, scratch_, argmax_scratch_;
  Buffer x_, normed_, qkv_, attended_, gate_up_, activated_, logits_;
  Buffer routed_, plan_, expert_weights_, expert_outputs_, counters_;  // of a mixture
};

// Rotation frequencies of the pairs of a head: f32 [head_dim / 2].
Buffer rope_frequencies(const Device& device, const Shape& shape);

// Parts that a sequence's context is cut into, so that each compute unit has one.
int64_t attention_splits(const Device& device, const StepSpec& step, const Shape& shape);

}  // namespace membound

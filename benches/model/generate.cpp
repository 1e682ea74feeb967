// SPDX-License-Identifier: Apache-2.0
#include "benches/model/generate.h"

#include <algorithm>

namespace membound {
namespace {

// Seconds of one run.
double run(const Device& device, const StepProgram& program) {
  const Program launches{.launches = program.launches().data(),
                         .count = static_cast<int64_t>(program.launches().size()),
                         .ordered = 1};
  return device.measure(launches, {.runs = 1, .samples = 1, .rotation = 1})[0].seconds;
}

// The first `length` tokens of each prompt, one after the other.
Tokens starts(const std::vector<Tokens>& prompts, int64_t length) {
  Tokens all;
  for (const Tokens& prompt : prompts)
    all.insert(all.end(), prompt.begin(), prompt.begin() + length);
  return all;
}

class Generator {
 public:
  Generator(const Device& device, const Shape& shape, const Types& types,
            const DeviceWeights& weights, const std::vector<Tokens>& prompts, int64_t count,
            bool with_logits)
      : device_(device),
        shape_(shape),
        types_(types),
        weights_(weights),
        prompts_(prompts),
        count_(count),
        batch_(static_cast<int64_t>(prompts.size())),
        length_(static_cast<int64_t>(prompts[0].size())),
        positions_(with_logits ? length_ + std::max<int64_t>(count - 1, 0) : 0) {
    result_.tokens.resize(prompts.size());
    result_.logits.resize(batch_ * positions_ * shape.vocab);
  }

  Generated all() {
    for (int64_t length = 1; positions_ > 0 && length < length_; ++length) prefill(length);
    DeviceCache cache(device_, shape_, types_, batch_, length_ + count_);
    StepProgram program(device_, shape_, types_, {StepSpec::kPrefill, batch_, length_}, weights_,
                        cache);
    program.set_tokens(starts(prompts_, length_));
    program.set_window(length_ - 1, length_ - 1, length_);
    run(device_, program);  // warms up: threads, pages, caches
    result_.seconds_to_first_token = run(device_, program);
    result_.prefill_experts_touched = program.take_experts_touched();
    keep(program, length_ - 1);
    if (count_ == 0) return std::move(result_);
    append(program.chosen());
    if (count_ > 1) decode(cache);
    return std::move(result_);
  }

 private:
  // For its logits alone.
  void prefill(int64_t length) {
    const DeviceCache cache(device_, shape_, types_, batch_, length);
    StepProgram program(device_, shape_, types_, {StepSpec::kPrefill, batch_, length}, weights_,
                        cache);
    program.set_tokens(starts(prompts_, length));
    program.set_window(length - 1, length - 1, length);
    run(device_, program);
    keep(program, length - 1);
  }

  void decode(const DeviceCache& cache) {
    const int64_t end = length_ + count_ - 1;
    StepProgram program(device_, shape_, types_, {StepSpec::kDecode, batch_, end}, weights_, cache);
    program.set_window(length_, length_, end);
    Tokens newest;
    for (const Tokens& tokens : result_.tokens) newest.push_back(tokens.back());
    program.set_tokens(newest);
    for (int64_t position = length_; position < end; ++position) {
      result_.output_seconds.push_back(run(device_, program));
      keep(program, position);
      append(program.chosen());
    }
    result_.decode_experts_touched = program.take_experts_touched();
  }

  void append(const Tokens& chosen) {
    for (size_t i = 0; i < chosen.size(); ++i) result_.tokens[i].push_back(chosen[i]);
  }

  void keep(const StepProgram& program, int64_t position) {
    if (positions_ == 0) return;
    const auto logits = program.logits();
    for (int64_t b = 0; b < batch_; ++b) {
      std::copy_n(logits.begin() + b * shape_.vocab, shape_.vocab,
                  result_.logits.begin() + (b * positions_ + position) * shape_.vocab);
    }
  }

  const Device& device_;
  const Shape& shape_;
  const Types& types_;
  const DeviceWeights& weights_;
  const std::vector<Tokens>& prompts_;
  const int64_t count_, batch_, length_;
  const int64_t positions_;  // whose logits are kept
  Generated result_;
};

}  // namespace

Generated generate(const Device& device, const Shape& shape, const Types& types,
                   const DeviceWeights& weights, const std::vector<Tokens>& prompts, int64_t count,
                   bool with_logits) {
  return Generator(device, shape, types, weights, prompts, count, with_logits).all();
}

}  // namespace membound

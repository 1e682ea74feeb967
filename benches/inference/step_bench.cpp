// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/step_bench.h"

#include <algorithm>
#include <limits>

#include "benches/model/file_weights.h"
#include "benches/model/reference.h"

namespace membound {
namespace {

// Tokens that the cache of a decode step grows by before and after its context: on average it is
// the context, and every step appends where the one before left off.
int64_t growth(const StepSpec& step) {
  constexpr int64_t kMost = 8;
  return step.phase == StepSpec::kPrefill ? 0 : std::min(kMost, step.tokens - 1);
}

// The longest that the step gets.
StepSpec grown(StepSpec step) {
  step.tokens += growth(step);
  return step;
}

// What a prepared step keeps alive; the weights serve every step of the model.
struct StepParts {
  StepParts(const Device& device, const Shape& shape, const Types& types, const StepSpec& step,
            std::shared_ptr<DeviceWeights> shared_weights)
      : weights(std::move(shared_weights)),
        cache(device, shape, types, step.batch, grown(step).tokens),
        program(device, shape, types, step, *weights, cache) {}
  std::shared_ptr<DeviceWeights> weights;
  DeviceCache cache;
  StepProgram program;
};

int64_t own_bytes(const Shape& shape, const Types& types, const StepSpec& step) {
  return kv_bytes(shape, types, grown(step)) + StepProgram::activation_bytes(shape, step);
}

const char* tokens_key(StepSpec::Phase phase) {
  return phase == StepSpec::kDecode ? "context" : "tokens";
}

Case case_of(const Options& options, const StepSpec& step) {
  Case c = {
      options.types.weights,
      {{"model", options.model->id}, {"batch", step.batch}, {tokens_key(step.phase), step.tokens}}};
  if (options.types.cache != default_cache(c.dtype)) {
    c.keys.emplace_back("cache", options.types.cache);
  }
  return c;
}

Prepared prepare(Workspace& workspace, StepSpec::Phase phase, const Case& c) {
  const Device& device = workspace.device();
  const Shape& shape = *workspace.options().model;
  const Types& types = workspace.options().types;
  const StepSpec step{phase, integer(c, "batch"), integer(c, tokens_key(phase))};
  const int64_t free = device.query().memory_free_bytes;
  if (own_bytes(shape, types, step) > free) {
    throw Error("cache and activations need " + std::to_string(own_bytes(shape, types, step)) +
                    " bytes and " + std::to_string(free) + " are free",
                kUnsupported);
  }
  const auto weights = workspace.shared<DeviceWeights>("weights", [&] {
    return load_weights(device, shape, types, workspace.options().weights.get());
  });
  const auto parts = std::make_shared<StepParts>(device, shape, types, step, weights);
  parts->cache.fill(device);
  const int64_t first = step.tokens - 1 - growth(step);
  parts->program.set_window(first, first, grown(step).tokens);
  Prepared prepared;
  prepared.kernel = phase == StepSpec::kDecode ? "decode" : "prefill";
  prepared.launches = parts->program.launches();
  prepared.work = total(step_ops(shape, types, step));
  prepared.cold = true;
  prepared.footprint_bytes = prepared.work.bytes_read;
  if (shape.experts > 0) {
    prepared.before_sample = [parts] { parts->program.take_experts_touched(); };
    prepared.counters = [parts] {
      return std::map<std::string, double>{
          {"experts_touched", parts->program.take_experts_touched()}};
    };
  }
  // The parts live as long as the check that refers to them.
  prepared.check = [parts, &device, shape, types] {
    return check_transformer(device, shape, types);
  };
  return prepared;
}

// Logits of all sequences after each of them took one more token.
reference::Vector next_logits(std::vector<reference::Sequence>& sequences,
                              const std::vector<int32_t>& tokens) {
  reference::Vector all;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const auto logits = sequences[i].next(tokens[i]);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

// Of the last token of each sequence's part of the prompt.
reference::Vector prompt_logits(std::vector<reference::Sequence>& sequences,
                                const std::vector<int32_t>& prompt, bool rounds) {
  const size_t length = prompt.size() / sequences.size();
  reference::Vector all;
  for (size_t i = 0; i < sequences.size(); ++i) {
    reference::Vector logits;
    for (size_t t = 0; t < length; ++t) logits = sequences[i].next(prompt[i * length + t], rounds);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

// Where arithmetic may round activations, a token near the border between two experts could go to
// one here and to the other in the reference: then every token has all experts.
Shape small_shape(const Shape& shape, bool exact) {
  Shape small = shape;
  const int64_t group = std::min<int64_t>(shape.heads / shape.kv_heads, 4);
  small.layers = 2;
  small.kv_heads = std::min<int64_t>(shape.kv_heads, 2);
  small.heads = small.kv_heads * group;
  small.hidden = 192;
  small.intermediate = 320;
  if (shape.experts > 0) {
    small.experts = exact ? std::min<int64_t>(shape.experts, 12) : 4;
    small.experts_per_token = exact ? std::min<int64_t>(shape.experts_per_token, 3) : 4;
    small.expert_intermediate = 96;
  }
  small.vocab = 1003;
  return small;
}

}  // namespace

int64_t step_need_bytes(const Workspace& workspace, StepSpec::Phase phase) {
  const Options& options = workspace.options();
  int64_t least = 0;
  for (const StepSpec& step : steps_of(options)) {
    if (step.phase != phase) continue;
    const int64_t own = own_bytes(*options.model, options.types, step);
    least = least == 0 ? own : std::min(least, own);
  }
  if (least == 0) return 0;
  return least + weight_bytes(*options.model, options.types) + workspace.pool_bytes();
}

Check check_transformer(const Device& device, const Shape& shape, const Types& types) {
  constexpr int64_t kSequences = 3;
  constexpr int64_t kPrompt = 23;
  constexpr int64_t kSteps = 4;
  static_assert(kSequences * kPrompt > kGemvRows, "prefill has to go through gemm");
  const Shape small = small_shape(shape, types.weights == "f32" || types.weights == "f16");
  const DeviceWeights weights(device, small, types);
  const DeviceCache cache(device, small, types, kSequences, kPrompt + kSteps);
  const auto host = weights.to_host(device);
  std::vector<int32_t> prompt(kSequences * kPrompt);
  for (size_t i = 0; i < prompt.size(); ++i) {
    prompt[i] = static_cast<int32_t>(i * 7919 % static_cast<size_t>(small.vocab));
  }
  // Where values land beside a tie one rounding may differ, as in heads.cpp; of bf16 activations
  // many are rounded, and errors up to 3e-3 were seen.
  const bool bf16 = types.weights == "bf16" || types.cache == "bf16";
  const double bound = bf16 ? 5e-3 : types.cache == "f16" ? 3e-4 : 2e-5;
  Check worst{.what = "logits of a small transformer against float64, error over the largest",
              .bound = bound};
  const auto run = [&](StepProgram& program) {
    device.run({.launches = program.launches().data(),
                .count = static_cast<int64_t>(program.launches().size()),
                .ordered = 1});
    return program.logits();
  };

  StepProgram prefill(device, small, types, {StepSpec::kPrefill, kSequences, kPrompt}, weights,
                      cache);
  prefill.set_window(kPrompt - 1, kPrompt - 1, kPrompt);
  prefill.set_tokens(prompt);
  const auto logits = run(prefill);
  // A gemm of bf16 may round activations to it, see matmul.cpp; its small batches don't.
  std::vector<reference::Sequence> sequences;
  worst.max_error = std::numeric_limits<double>::infinity();
  for (const bool rounds : {false, true}) {
    if (rounds && types.weights != "bf16") continue;
    std::vector<reference::Sequence> tried(kSequences,
                                           reference::Sequence(small, host, types.cache));
    const Check check = compare("", bound, logits, prompt_logits(tried, prompt, rounds));
    if (check.max_error < worst.max_error) sequences.swap(tried);
    worst.max_error = std::min(worst.max_error, check.max_error);
  }

  StepProgram decode(device, small, types, {StepSpec::kDecode, kSequences, kPrompt + kSteps},
                     weights, cache);
  decode.set_window(kPrompt, kPrompt, kPrompt + kSteps);
  std::vector<int32_t> tokens = prefill.chosen();
  decode.set_tokens(tokens);
  for (int64_t i = 0; i < kSteps && worst.max_error <= bound; ++i) {
    const Check one = compare("", bound, run(decode), next_logits(sequences, tokens));
    worst.max_error = one.ok ? std::max(worst.max_error, one.max_error) : one.max_error;
    worst.ok = one.ok;
    if (!one.ok) break;
    tokens = decode.chosen();
  }
  worst.ok = worst.ok && worst.max_error <= bound;
  return worst;
}

Bench step_bench(const std::string& name, const std::string& question, StepSpec::Phase phase) {
  const auto cases = [phase](Workspace& workspace) {
    std::vector<Case> all;
    for (const StepSpec& step : steps_of(workspace.options())) {
      if (step.phase == phase) all.push_back(case_of(workspace.options(), step));
    }
    return all;
  };
  return {.family = "inference",
          .name = name,
          .question = question,
          .stage = Stage::kStep,
          .cases = cases,
          .kernels = {"gemv/f32", "gemm/f32", "attention/f32", "rope_append/f32", "rmsnorm/f32",
                      "silu_mul/f32", "embed/f32", "argmax/f32", "advance", "fill/f32"},
          .need_bytes = [phase](const Workspace& w) { return step_need_bytes(w, phase); },
          .prepare = [phase](Workspace& w, const Case& c) { return prepare(w, phase, c); }};
}

}  // namespace membound

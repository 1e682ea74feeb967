// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/step_bench.h"

#include <algorithm>
#include <cmath>
#include <functional>

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

using reference::Rounding;

// Logits of the last of `tokens`, an equal part for each sequence.
reference::Vector next_logits(std::vector<reference::Sequence>& sequences,
                              const std::vector<int32_t>& tokens, Rounding layers = Rounding::kNone,
                              Rounding head = Rounding::kNone) {
  const size_t length = tokens.size() / sequences.size();
  reference::Vector all;
  for (size_t i = 0; i < sequences.size(); ++i) {
    reference::Vector logits;
    for (size_t t = 0; t < length; ++t) {
      logits = sequences[i].next(tokens[i * length + t], layers, head);
    }
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

// Judges the logits that a program made of its tokens: first a prefill's, then those of each step.
using Judge =
    std::function<Check(const std::vector<int32_t>& tokens, const std::vector<float>& logits)>;

// A gemm of bf16 may round activations to it, see matmul.cpp; its small batches don't.
Judge judge_plain(const std::vector<reference::Sequence>& fresh, const Types& types) {
  std::vector<Rounding> tried = {Rounding::kNone};
  if (types.weights == "bf16") tried.push_back(Rounding::kBf16);
  // Where values land beside a tie one rounding may differ, as in heads.cpp; of bf16 activations
  // many are rounded, and errors up to 3e-3 were seen.
  const bool bf16 = types.weights == "bf16" || types.cache == "bf16";
  const double bound = bf16 ? 5e-3 : types.cache == "f16" ? 3e-4 : 2e-5;
  return [=, sequences = std::vector<reference::Sequence>()](const auto& tokens,
                                                             const auto& logits) mutable {
    const std::string what =
        "logits of a small transformer against float64, error over the largest";
    if (!sequences.empty()) return compare(what, bound, logits, next_logits(sequences, tokens));
    Check best;
    for (const Rounding rounding : tried) {
      auto started = fresh;
      const Check check = compare(what, bound, logits, next_logits(started, tokens, rounding));
      if (sequences.empty() || check.max_error < best.max_error) {
        best = check;
        sequences.swap(started);
      }
    }
    return best;
  };
}

double distance(const reference::Vector& a, const reference::Vector& b) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares);
}

// Activations in int8 can't be followed value by value: where one lands beside a tie it changes the
// next matmul's by a part in a hundred, and then many of them round otherwise. Whoever rounds as
// the reference does is as far from exact arithmetic as it is, however.
Judge judge_quantised(const std::vector<reference::Sequence>& fresh) {
  return [exact = fresh, rounded = fresh](const auto& tokens, const auto& logits) mutable {
    const auto target = next_logits(exact, tokens);
    const auto usual = next_logits(rounded, tokens, Rounding::kBlocks, Rounding::kBlocks);
    Check check{.what =
                    "distance of a small transformer's logits from float64, over that of "
                    "activations in int8",
                .bound = 1.5};
    check.max_error = distance({logits.begin(), logits.end()}, target) / distance(usual, target);
    check.ok = logits.size() == target.size() && check.max_error <= check.bound;
    return check;
  };
}

// Where arithmetic may round activations, a token near the border between two experts could go to
// one here and to the other in the reference: then every token has all experts.
Shape small_shape(const Shape& shape, bool exact) {
  Shape small = shape;
  const int64_t group = std::min<int64_t>(shape.heads / shape.kv_heads, 4);
  small.layers = 2;
  small.kv_heads = std::min<int64_t>(shape.kv_heads, 2);
  small.heads = small.kv_heads * group;
  if (small.heads * small.head_dim % kQuantisedBlock != 0) {
    small.kv_heads = shape.kv_heads;
    small.heads = shape.heads;
  }
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
  const std::vector<reference::Sequence> fresh(kSequences,
                                               reference::Sequence(small, host, types.cache));
  const bool quantised = is_quantised(types.weights) || is_quantised(types.head);
  const Judge judge = quantised ? judge_quantised(fresh) : judge_plain(fresh, types);
  Check worst;
  const auto run = [&](const StepProgram& program, const std::vector<int32_t>& tokens) {
    device.run({.launches = program.launches().data(),
                .count = static_cast<int64_t>(program.launches().size()),
                .ordered = 1});
    const Check check = judge(tokens, program.logits());
    // Written so that NaN counts as the worst.
    if (worst.what.empty() || !(check.max_error <= worst.max_error)) worst = check;
  };

  StepProgram prefill(device, small, types, {StepSpec::kPrefill, kSequences, kPrompt}, weights,
                      cache);
  prefill.set_window(kPrompt - 1, kPrompt - 1, kPrompt);
  prefill.set_tokens(prompt);
  run(prefill, prompt);

  StepProgram decode(device, small, types, {StepSpec::kDecode, kSequences, kPrompt + kSteps},
                     weights, cache);
  decode.set_window(kPrompt, kPrompt, kPrompt + kSteps);
  std::vector<int32_t> tokens = prefill.chosen();
  decode.set_tokens(tokens);
  for (int64_t i = 0; i < kSteps && worst.ok; ++i) {
    run(decode, tokens);
    tokens = decode.chosen();
  }
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

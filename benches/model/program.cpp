// SPDX-License-Identifier: Apache-2.0
#include "benches/model/program.h"

#include <algorithm>
#include <cmath>

#include "benches/harness/workspace.h"
#include "benches/inference/argmax/scratch.h"
#include "benches/inference/attention/scratch.h"
#include "benches/inference/experts/plan.h"

namespace membound {
namespace {

constexpr int64_t kCacheBlock = 16;  // tokens

// Any tokens, and no two alike while there are enough: equal ones would touch equal experts.
std::vector<int32_t> spread_tokens(int64_t count, int64_t vocab) {
  std::vector<int32_t> tokens(count);
  for (int64_t i = 0; i < count; ++i) {
    tokens[i] = static_cast<int32_t>((1 + i * 2654435761) % vocab);
  }
  return tokens;
}

}  // namespace

DeviceCache::DeviceCache(const Device& device, const Shape& s, const Types& types,
                         int64_t sequences, int64_t tokens)
    : capacity((tokens + kCacheBlock - 1) / kCacheBlock * kCacheBlock), dtype_(types.cache) {
  const int64_t bytes = stored_bytes(dtype_, sequences * s.kv_heads * capacity * s.head_dim);
  for (int64_t i = 0; i < s.layers; ++i) {
    keys.push_back(device.alloc(bytes));
    values.push_back(device.alloc(bytes));
  }
}

void DeviceCache::fill(const Device& device) {
  for (size_t i = 0; i < keys.size(); ++i) {
    for (const Buffer* buffer : {&keys[i], &values[i]}) {
      const int64_t count = buffer->bytes() / stored_bytes(dtype_, 1);
      fill_random(device, buffer->data(), count, dtype_, 50 + i);
    }
  }
}

int64_t attention_splits(const Device& device, const StepSpec& step, const Shape& s) {
  if (step.phase == StepSpec::kPrefill) return 1;
  const int64_t groups = step.batch * s.kv_heads;
  const int64_t units = device.info().compute_units;
  const int64_t wanted = (units + groups - 1) / groups;
  constexpr int64_t kShortestPart = 64;  // tokens; below that combining costs more than it saves
  return std::max<int64_t>(1, std::min(wanted, step.tokens / kShortestPart));
}

StepProgram::StepProgram(const Device& device, const Shape& shape, const Types& types,
                         const StepSpec& step, const DeviceWeights& weights,
                         const DeviceCache& cache)
    : device_(device), shape_(shape), step_(step), splits_(attention_splits(device, step, shape)) {
  const int64_t rows = step.rows();
  const auto floats = [&](int64_t count) { return device.alloc(count * 4); };
  x_ = floats(rows * shape.hidden);
  normed_ = floats(rows * shape.hidden);
  qkv_ = floats(rows * shape.qkv_rows());
  attended_ = floats(rows * shape.heads * shape.head_dim);
  const int64_t pairs = rows * shape.mlps_per_token();
  gate_up_ = floats(pairs * 2 * shape.inner());
  activated_ = floats(pairs * shape.inner());
  if (shape.experts > 0) {
    routed_ = floats(rows * shape.experts);
    plan_ = device.alloc(ExpertPlan::bytes(shape.experts, pairs));
    expert_weights_ = floats(pairs);
    expert_outputs_ = floats(pairs * shape.hidden);
    counters_ = device.alloc(sizeof(ExpertCounters));
  }
  logits_ = floats(step.batch * shape.vocab);
  tokens_ = device.alloc(rows * 4);
  chosen_ = device.alloc(step.batch * 4);
  argmax_scratch_ = device.alloc(argmax_scratch_bytes(step.batch));
  state_ = device.alloc(sizeof(StepState));
  scratch_ = device.alloc(attention_scratch_bytes(step.batch, step.tokens_per_sequence(),
                                                  shape.heads, shape.head_dim, splits_));
  frequencies_ = rope_frequencies(device, shape);
  set_tokens(spread_tokens(rows, shape.vocab));

  const auto ops = step_ops(shape, types, step);
  int64_t last_attention = -1;
  for (size_t i = 0; i < ops.size(); ++i) {
    const Op& op = ops[i];
    if (op.name == "attention") last_attention = static_cast<int64_t>(i);
    // Advancing the position only has to wait for those that read it.
    const int64_t depends = op.name == "advance" ? last_attention : static_cast<int64_t>(i) - 1;
    const bool typed = op.shape.dtype != "none";
    launches_.push_back(
        {.kernel = device.need_kernel(typed ? op.bench + "/" + op.shape.dtype : op.bench),
         .args = args_of(op, weights, cache),
         .depends = static_cast<int32_t>(depends)});
  }
}

Buffer rope_frequencies(const Device& device, const Shape& shape) {
  std::vector<float> host(shape.head_dim / 2);
  for (size_t i = 0; i < host.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(shape.head_dim);
    const double factor = shape.rope_factors.empty() ? 1 : shape.rope_factors[i];
    host[i] = static_cast<float>(std::pow(shape.rope_theta, exponent) / factor);
  }
  Buffer buffer = device.alloc(static_cast<int64_t>(host.size()) * 4);
  device.copy(buffer.data(), host.data(), buffer.bytes());
  return buffer;
}

Args StepProgram::args_of(const Op& op, const DeviceWeights& weights,
                          const DeviceCache& cache) const {
  const Shape& s = shape_;
  const int64_t rows = step_.rows();
  const int64_t q = s.heads * s.head_dim;
  const bool inside = op.layer >= 0;
  const auto* w = inside ? &weights.layers[op.layer] : nullptr;
  const auto matmul = [](const Buffer& matrix, const Buffer& x, const Buffer& y, int64_t m,
                         int64_t n, int64_t k, bool accumulate) {
    return Args{.buffer = {{matrix.data()}, {x.data()}, {y.data()}},
                .n = {m, n, k, accumulate ? 1 : 0}};
  };
  const auto norm = [&](const Buffer& weight, int64_t count, int64_t first, int64_t stride) {
    return Args{.buffer = {{x_.data()}, {weight.data()}, {normed_.data()}},
                .n = {count, s.hidden, first, stride},
                .scalar = {s.norm_epsilon}};
  };
  if (op.name == "embed") {
    return {.buffer = {{weights.embedding.data()}, {tokens_.data()}, {x_.data()}},
            .n = {rows, s.hidden, s.vocab}};
  }
  if (op.name == "attn_norm") return norm(w->attn_norm, rows, 0, 1);
  if (op.name == "mlp_norm") return norm(w->mlp_norm, rows, 0, 1);
  if (op.name == "final_norm") {
    const int64_t tokens = step_.tokens_per_sequence();
    return norm(weights.final_norm, step_.batch, tokens - 1, tokens);
  }
  if (op.name == "qkv") return matmul(w->qkv, normed_, qkv_, rows, s.qkv_rows(), s.hidden, false);
  if (op.name == "o") return matmul(w->o, attended_, x_, rows, s.hidden, q, true);
  if (s.experts > 0 && inside) {
    if (const auto args = mixture_args(op, w)) return *args;
  }
  if (op.name == "gate_up") {
    return matmul(w->gate_up, normed_, gate_up_, rows, 2 * s.intermediate, s.hidden, false);
  }
  if (op.name == "down")
    return matmul(w->down, activated_, x_, rows, s.hidden, s.intermediate, true);
  if (op.name == "head") {
    return matmul(weights.head(), normed_, logits_, step_.batch, s.vocab, s.hidden, false);
  }
  if (op.name == "rope_append" || op.name == "attention") {
    Args args{.n = {step_.batch, step_.tokens_per_sequence(), s.heads, s.kv_heads, s.head_dim,
                    cache.capacity, splits_},
              .scalar = {1 / std::sqrt(static_cast<double>(s.head_dim)), s.norm_epsilon}};
    args.buffer[0] = {qkv_.data()};
    args.buffer[1] = {cache.keys[op.layer].data()};
    args.buffer[2] = {cache.values[op.layer].data()};
    args.buffer[3] = {state_.data()};
    const bool attends = op.name == "attention";
    args.buffer[4] = {attends ? attended_.data() : frequencies_.data()};
    args.buffer[5] = {attends ? scratch_.data() : w->q_norm.data()};
    args.buffer[6] = {attends ? nullptr : w->k_norm.data()};
    return args;
  }
  if (op.name == "silu_mul") {
    return {.buffer = {{gate_up_.data()}, {activated_.data()}},
            .n = {rows * s.mlps_per_token(), s.inner()}};
  }
  if (op.name == "argmax") {
    // A decode step feeds itself.
    const Buffer& target = step_.phase == StepSpec::kDecode ? tokens_ : chosen_;
    return {.buffer = {{logits_.data()}, {target.data()}, {argmax_scratch_.data()}},
            .n = {step_.batch, s.vocab}};
  }
  MEMBOUND_CHECK(op.name == "advance", "no launch for op " + op.name);
  return {.buffer = {{state_.data()}}};  // n is set by set_window
}

std::optional<Args> StepProgram::mixture_args(const Op& op, const DeviceWeights::Layer* w) const {
  const Shape& s = shape_;
  const int64_t rows = step_.rows();
  const int64_t pairs = rows * s.experts_per_token;
  const auto experts = [&](const Buffer& matrices, const Buffer& x, const Buffer& y, int64_t n,
                           int64_t k, bool gather) {
    return Args{.buffer = {{matrices.data()}, {x.data()}, {y.data()}, {plan_.data()}},
                .n = {pairs, n, k, s.experts, gather ? 1 : 0}};
  };
  if (op.name == "router") {
    return Args{.buffer = {{w->router.data()}, {normed_.data()}, {routed_.data()}},
                .n = {rows, s.experts, s.hidden, 0}};
  }
  if (op.name == "route") {
    return Args{
        .buffer = {{routed_.data()}, {expert_weights_.data()}, {plan_.data()}, {counters_.data()}},
        .n = {rows, s.experts, s.experts_per_token, s.norm_top_k ? 1 : 0}};
  }
  if (op.name == "gate_up") {
    return experts(w->gate_up, normed_, gate_up_, 2 * s.inner(), s.hidden, true);
  }
  if (op.name == "down") {
    return experts(w->down, activated_, expert_outputs_, s.hidden, s.inner(), false);
  }
  if (op.name != "combine") return std::nullopt;
  return Args{
      .buffer = {{expert_outputs_.data()}, {expert_weights_.data()}, {plan_.data()}, {x_.data()}},
      .n = {rows, s.hidden, s.experts_per_token, s.experts}};
}

double StepProgram::take_experts_touched() {
  if (shape_.experts == 0) return 0;
  const auto now = device_.to_host<ExpertCounters>(counters_.data(), 1)[0];
  const ExpertCounters none{};
  device_.copy(counters_.data(), &none, sizeof none);
  if (now.launches == 0) return 0;
  return static_cast<double>(now.touched) / static_cast<double>(now.launches);
}

void StepProgram::set_window(int64_t position, int64_t start, int64_t limit) {
  const StepState state{.position = position, .step = 0};
  device_.copy(state_.data(), &state, sizeof state);
  launches_.back().args.n[0] = start;
  launches_.back().args.n[1] = limit;
}

void StepProgram::set_tokens(const std::vector<int32_t>& tokens) {
  MEMBOUND_CHECK(static_cast<int64_t>(tokens.size()) == step_.rows(), "one token a row");
  device_.copy(tokens_.data(), tokens.data(), tokens_.bytes());
}

std::vector<int32_t> StepProgram::chosen() const {
  const Buffer& source = step_.phase == StepSpec::kDecode ? tokens_ : chosen_;
  return device_.to_host<int32_t>(source.data(), step_.batch);
}

std::vector<float> StepProgram::logits() const {
  return device_.to_host<float>(logits_.data(), step_.batch * shape_.vocab);
}

int64_t StepProgram::activation_bytes(const Shape& s, const StepSpec& step) {
  const int64_t mixture = s.experts > 0 ? s.experts + s.experts_per_token * s.hidden : 0;
  const int64_t row = 2 * s.hidden + s.qkv_rows() + s.heads * s.head_dim + mixture +
                      3 * s.mlps_per_token() * s.inner();
  return 4 * (step.rows() * row + step.batch * s.vocab);
}

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/model/steps.h"

#include <cmath>

namespace membound {
namespace {

constexpr int64_t kActivationBytes = 4;  // f32

int64_t kv_bytes_of_layer(const Shape& s, const Types& types, const StepSpec& step) {
  return step.batch * step.tokens * stored_bytes(types.cache, 2 * s.kv_heads * s.head_dim);
}

class Builder {
 public:
  Builder(const Shape& shape, const Types& types, const StepSpec& step)
      : s_(shape), types_(types), step_(step), rows_(step.rows()) {}

  std::vector<Op> build() {
    embed();
    for (layer_ = 0; layer_ < s_.layers; ++layer_) {
      rmsnorm("attn_norm", rows_);
      matmul("qkv", types_.weights, rows_, s_.qkv_rows(), s_.hidden, false);
      rope_append();
      attention();
      matmul("o", types_.weights, rows_, s_.hidden, s_.heads * s_.head_dim, true);
      rmsnorm("mlp_norm", rows_);
      s_.experts > 0 ? mixture() : dense();
    }
    layer_ = -1;
    // Only the last position of each sequence is needed to choose its next token.
    rmsnorm("final_norm", step_.batch);
    matmul("head", types_.head, step_.batch, s_.vocab, s_.hidden, false);
    add("argmax", "argmax", "f32", {{"rows", step_.batch}, {"width", s_.vocab}},
        {.activation_bytes = kActivationBytes * step_.batch * (s_.vocab + 1)});
    add("advance", "advance", "none", {}, {.activation_bytes = 16});
    return ops_;
  }

 private:
  void dense() {
    matmul("gate_up", types_.weights, rows_, 2 * s_.intermediate, s_.hidden, false);
    silu_mul(rows_, s_.intermediate);
    matmul("down", types_.weights, rows_, s_.hidden, s_.intermediate, true);
  }

  void mixture() {
    const int64_t pairs = rows_ * s_.experts_per_token;  // of a token and one of its experts
    matmul("router", "f32", rows_, s_.experts, s_.hidden, false);
    route();
    experts("gate_up", 2 * s_.expert_intermediate, s_.hidden, true);
    silu_mul(pairs, s_.expert_intermediate);
    experts("down", s_.hidden, s_.expert_intermediate, false);
    add("combine", "combine", "f32",
        {{"rows", rows_}, {"width", s_.hidden}, {"chosen", s_.experts_per_token}},
        {.activation_bytes = kActivationBytes * (pairs * (s_.hidden + 2) + 2 * rows_ * s_.hidden)},
        2 * pairs * s_.hidden);
  }

  int64_t touched() const {
    if (step_.touched > 0) return step_.touched;
    return static_cast<int64_t>(expected_experts(s_, rows_) + 0.5);
  }

  // Weights, places among the slots and the way back are four bytes each.
  void route() {
    const int64_t pairs = rows_ * s_.experts_per_token;
    add("route", "route", "f32",
        {{"rows", rows_}, {"experts", s_.experts}, {"chosen", s_.experts_per_token}},
        {.activation_bytes = kActivationBytes * (rows_ * s_.experts + 3 * pairs)},
        2 * rows_ * s_.experts);
  }

  // `gather`: inputs are tokens; else they are in the order of the experts already.
  void experts(const std::string& name, int64_t n, int64_t k, bool gather) {
    const int64_t pairs = rows_ * s_.experts_per_token;
    Work work{.bytes_read = touched() * n * stored_bytes(types_.weights, k),
              .activation_bytes = kActivationBytes * pairs * (k + n)};
    work.flops[types_.weights] = 2 * pairs * n * k;
    add(name, "experts", types_.weights,
        {{"rows", rows_},
         {"chosen", s_.experts_per_token},
         {"touched", touched()},
         {"n", n},
         {"k", k},
         {"gather", gather ? 1 : 0}},
        work);
  }

  void add(const std::string& name, const std::string& bench, const std::string& dtype, Keys keys,
           Work work, int64_t flops = 0) {
    work.flops["f32"] += flops;
    ops_.push_back({name, bench, {dtype, std::move(keys)}, layer_, work});
  }

  void embed() {
    add("embed", "embed", types_.embedding, {{"rows", rows_}, {"width", s_.hidden}},
        {.bytes_read = rows_ * stored_bytes(types_.embedding, s_.hidden),
         .activation_bytes = rows_ * (kActivationBytes * s_.hidden + 4)});
  }

  void rmsnorm(const std::string& name, int64_t rows) {
    add(name, "rmsnorm", "f32", {{"rows", rows}, {"width", s_.hidden}},
        {.bytes_read = 4 * s_.hidden, .activation_bytes = 2 * kActivationBytes * rows * s_.hidden},
        4 * rows * s_.hidden);
  }

  void matmul(const std::string& name, const std::string& dtype, int64_t m, int64_t n, int64_t k,
              bool accumulate) {
    add(name, m <= kGemvRows ? "gemv" : "gemm", dtype, {{"m", m}, {"n", n}, {"k", k}},
        matmul_work(m, n, k, accumulate, dtype));
  }

  Keys head_keys(bool with_context) const {
    Keys keys = {{"batch", step_.batch}, {"tokens", step_.tokens_per_sequence()}};
    if (with_context) keys.emplace_back("context", step_.tokens);
    keys.emplace_back("heads", s_.heads);
    keys.emplace_back("kv_heads", s_.kv_heads);
    keys.emplace_back("head_dim", s_.head_dim);
    return keys;
  }

  void rope_append() {
    const int64_t q = s_.heads * s_.head_dim;
    const int64_t kv = s_.kv_heads * s_.head_dim;
    Keys keys = head_keys(false);
    if (s_.qk_norm) keys.emplace_back("qk_norm", 1);
    // Six flops a rotated pair; a norm takes four an element, as rmsnorm does.
    add("rope_append", "rope_append", types_.cache, keys,
        {.bytes_read = s_.qk_norm ? 2 * 4 * s_.head_dim : 0,
         .bytes_written = rows_ * stored_bytes(types_.cache, 2 * kv),
         .activation_bytes = kActivationBytes * rows_ * (s_.qkv_rows() + q)},
        (s_.qk_norm ? 7 : 3) * rows_ * (q + kv));
  }

  void attention() {
    const int64_t q = s_.heads * s_.head_dim;
    const int64_t t = step_.tokens;
    const int64_t pairs = step_.phase == StepSpec::kDecode ? t : t * (t + 1) / 2;
    add("attention", "attention", types_.cache, head_keys(true),
        {.bytes_read = kv_bytes_of_layer(s_, types_, step_),
         .activation_bytes = 2 * kActivationBytes * rows_ * q},
        4 * q * step_.batch * pairs);
  }

  void silu_mul(int64_t rows, int64_t width) {
    add("silu_mul", "silu_mul", "f32", {{"rows", rows}, {"width", width}},
        {.activation_bytes = 3 * kActivationBytes * rows * width}, 5 * rows * width);
  }

  const Shape& s_;
  const Types& types_;
  const StepSpec& step_;
  const int64_t rows_;
  int64_t layer_ = -1;
  std::vector<Op> ops_;
};

}  // namespace

std::vector<Op> step_ops(const Shape& shape, const Types& types, const StepSpec& step) {
  return Builder(shape, types, step).build();
}

Work matmul_work(int64_t m, int64_t n, int64_t k, bool accumulate, const std::string& dtype) {
  Work work{.bytes_read = n * stored_bytes(dtype, k),
            .activation_bytes = kActivationBytes * (m * k + m * n * (accumulate ? 2 : 1))};
  work.flops[dtype] = 2 * m * n * k;
  return work;
}

Work total(const std::vector<Op>& ops) {
  Work sum;
  for (const auto& op : ops) sum += op.work;
  return sum;
}

std::map<std::string, int64_t> bytes_by_class(const Shape& shape, const std::vector<Op>& ops) {
  const std::map<std::string, std::string> classes = {
      {"embed", "embedding"},   {"attn_norm", "norms"}, {"qkv", "attention"},
      {"rope_append", "norms"}, {"attention", "cache"}, {"o", "attention"},
      {"mlp_norm", "norms"},    {"router", "router"},   {"final_norm", "norms"},
      {"head", "head"},         {"gate_up", "mlp"},     {"down", "mlp"}};
  std::map<std::string, int64_t> sums;
  for (const Op& op : ops) {
    const auto found = classes.find(op.name);
    if (found == classes.end()) continue;
    const bool expert = found->second == "mlp" && shape.experts > 0;
    sums[expert ? "experts" : found->second] += op.work.bytes_read;
    if (op.work.bytes_written > 0) sums["cache"] += op.work.bytes_written;
  }
  return sums;
}

double expected_experts(const Shape& s, int64_t rows) {
  const auto all = static_cast<double>(s.experts);
  const double missed = 1 - static_cast<double>(s.experts_per_token) / all;
  return all * (1 - std::pow(missed, static_cast<double>(rows)));
}

int64_t expert_bytes(const Shape& s, const Types& types) {
  return stored_bytes(types.weights, 3 * s.expert_intermediate * s.hidden);
}

int64_t weight_bytes(const Shape& s, const Types& types) {
  const int64_t attention = s.qkv_rows() * s.hidden + s.hidden * s.heads * s.head_dim;
  const int64_t mlp = s.experts > 0 ? s.experts * expert_bytes(s, types) + 4 * s.experts * s.hidden
                                    : stored_bytes(types.weights, 3 * s.intermediate * s.hidden);
  const int64_t table = s.vocab * s.hidden;
  const int64_t norms = s.hidden * (2 * s.layers + 1) + (s.qk_norm ? 2 * s.head_dim * s.layers : 0);
  return s.layers * (stored_bytes(types.weights, attention) + mlp) + 4 * norms +
         stored_bytes(types.embedding, table) + (s.tied ? 0 : stored_bytes(types.head, table));
}

int64_t kv_bytes(const Shape& s, const Types& types, const StepSpec& step) {
  return s.layers * kv_bytes_of_layer(s, types, step);
}

std::string bench_name(const Op& op) {
  return case_name({.family = "inference", .name = op.bench}, op.shape);
}

}  // namespace membound

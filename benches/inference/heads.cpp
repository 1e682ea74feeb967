// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/heads.h"

#include <algorithm>
#include <cmath>

#include "benches/inference/attention/scratch.h"
#include "benches/model/program.h"
#include "benches/model/reference.h"

namespace membound {
namespace {

constexpr double kTheta = 10000;
constexpr double kEpsilon = 1e-6;

Shape shape_of(const Heads& h) {
  Shape shape{};
  shape.heads = h.heads;
  shape.kv_heads = h.kv_heads;
  shape.head_dim = h.head_dim;
  shape.rope_theta = kTheta;
  return shape;
}

// Norms the `heads` heads at `begin`.
void norm_heads(reference::Vector& token, int64_t begin, int64_t heads,
                const reference::Vector& weight) {
  const auto first = token.begin() + begin;
  const reference::Vector x(first, first + heads * static_cast<int64_t>(weight.size()));
  const auto normed = reference::rmsnorm(x, weight, heads, kEpsilon);
  std::copy(normed.begin(), normed.end(), first);
}

reference::Vector widened(const Device& device, const Buffer& buffer) {
  const auto host = device.to_host<float>(buffer.data(), buffer.bytes() / 4);
  return {host.begin(), host.end()};
}

// Output rows [rows][heads * d] of the newest tokens; `qkv` holds every token of every sequence,
// [batch][context][columns], before norms and rotation.
reference::Vector expected_output(const Heads& h, const std::vector<float>& qkv,
                                  const reference::Vector& q_norm,
                                  const reference::Vector& k_norm) {
  const int64_t q = h.heads * h.head_dim;
  const int64_t kv = h.kv_heads * h.head_dim;
  reference::Vector out;
  for (int64_t b = 0; b < h.batch; ++b) {
    reference::Vector keys, values;
    for (int64_t t = 0; t < h.context; ++t) {
      const auto* row = qkv.data() + (b * h.context + t) * h.qkv_columns();
      reference::Vector token(row, row + h.qkv_columns());
      if (h.qk_norm) {
        norm_heads(token, 0, h.heads, q_norm);
        norm_heads(token, q, h.kv_heads, k_norm);
      }
      reference::rope(token.data(), h.heads + h.kv_heads, h.head_dim, t, kTheta);
      for (int64_t i = 0; i < kv; ++i) {
        keys.push_back(reference::round_to(token[q + i], h.dtype));
        values.push_back(reference::round_to(token[q + kv + i], h.dtype));
      }
      if (t < h.context - h.tokens) continue;
      const auto attended =
          reference::attend(token.data(), keys, values, t + 1, h.heads, h.kv_heads, h.head_dim);
      out.insert(out.end(), attended.begin(), attended.end());
    }
  }
  return out;
}

// Tokens [first, first + count) of each sequence, as the kernels want them.
std::vector<float> slice(const Heads& h, const std::vector<float>& all, int64_t first,
                         int64_t count) {
  std::vector<float> rows;
  for (int64_t b = 0; b < h.batch; ++b) {
    const auto begin = all.begin() + (b * h.context + first) * h.qkv_columns();
    rows.insert(rows.end(), begin, begin + count * h.qkv_columns());
  }
  return rows;
}

}  // namespace

int64_t Heads::cache_bytes() const {
  return stored_bytes(dtype, batch * kv_heads * capacity() * head_dim);
}

Heads heads_of(const Device& device, const Case& c) {
  Heads h{.dtype = c.dtype,
          .batch = integer(c, "batch"),
          .tokens = integer(c, "tokens"),
          .context = integer_or_zero(c, "context"),
          .heads = integer(c, "heads"),
          .kv_heads = integer(c, "kv_heads"),
          .head_dim = integer(c, "head_dim"),
          .splits = 1,
          .qk_norm = integer_or_zero(c, "qk_norm") != 0};
  if (h.context == 0) h.context = std::max<int64_t>(h.tokens, 128);
  const StepSpec step{h.tokens == 1 ? StepSpec::kDecode : StepSpec::kPrefill, h.batch, h.context};
  h.splits = attention_splits(device, step, shape_of(h));
  return h;
}

HeadsBuffers::HeadsBuffers(const Device& device, const Heads& h)
    : qkv(random_floats(device, h.rows() * h.qkv_columns(), 61)),
      state(device.alloc(sizeof(StepState))),
      frequencies(rope_frequencies(device, shape_of(h))),
      q_norm(random_floats(device, h.head_dim, 63)),
      k_norm(random_floats(device, h.head_dim, 64)),
      out(device.alloc(h.rows() * h.heads * h.head_dim * 4)),
      scratch(
          device.alloc(attention_scratch_bytes(h.batch, h.tokens, h.heads, h.head_dim, h.splits))) {
  const StepState newest{.position = h.context - 1, .step = 0};
  device.copy(state.data(), &newest, sizeof newest);
}

std::vector<Buffer> HeadsBuffers::take() && {
  std::vector<Buffer> all;
  for (Buffer* buffer : {&qkv, &state, &frequencies, &q_norm, &k_norm, &out, &scratch}) {
    all.push_back(std::move(*buffer));
  }
  return all;
}

Args HeadsBuffers::args(const Heads& h, bool attention, Operand keys, Operand values) const {
  Args args{.buffer = {{qkv.data()}, keys, values, {state.data()}},
            .n = {h.batch, h.tokens, h.heads, h.kv_heads, h.head_dim, h.capacity(), h.splits},
            .scalar = {1 / std::sqrt(static_cast<double>(h.head_dim)), kEpsilon}};
  args.buffer[4] = {attention ? out.data() : frequencies.data()};
  if (attention) args.buffer[5] = {scratch.data()};
  if (!attention && h.qk_norm) {
    args.buffer[5] = {q_norm.data()};
    args.buffer[6] = {k_norm.data()};
  }
  return args;
}

Check check_heads(const Device& device, Heads h) {
  h.context = std::min<int64_t>(h.context, 200);
  h.tokens = std::min(h.tokens, h.context);
  // Even a short context is cut, whatever the device would do with it.
  h.splits = std::clamp<int64_t>(h.splits, std::min<int64_t>(3, (h.context + 15) / 16), h.context);
  const int64_t count = h.batch * h.context * h.qkv_columns();
  const auto qkv = device.to_host<float>(random_floats(device, count, 62).data(), count);
  const Buffer keys = device.alloc(h.cache_bytes());
  const Buffer values = device.alloc(h.cache_bytes());
  const HeadsBuffers buffers(device, h);
  const auto run = [&](const std::string& kernel, int64_t newest, const std::vector<float>& rows) {
    const StepState state{.position = newest, .step = 0};
    device.copy(buffers.state.data(), &state, sizeof state);
    if (!rows.empty()) {
      device.copy(buffers.qkv.data(), rows.data(), static_cast<int64_t>(rows.size()) * 4);
    }
    const bool attention = kernel == "attention";
    const Launch launch{.kernel = device.need_kernel(kernel + "/" + h.dtype),
                        .args = buffers.args(h, attention, {keys.data(), 0}, {values.data(), 0}),
                        .depends = -1};
    device.run({.launches = &launch, .count = 1, .ordered = 1});
  };
  // Groups from the end backwards, so that the newest tokens are one; the first may overlap.
  for (int64_t end = h.context % h.tokens == 0 ? h.tokens : h.context % h.tokens; end <= h.context;
       end += h.tokens) {
    const int64_t first = std::max<int64_t>(end, h.tokens) - h.tokens;
    run("rope_append", first + h.tokens - 1, slice(h, qkv, first, h.tokens));
  }
  run("attention", h.context - 1, {});
  const auto out = device.to_host<float>(buffers.out.data(), h.rows() * h.heads * h.head_dim);
  // One rounding of a key may differ from the reference's where f32 rotation lands beside a tie,
  // hence the wider bounds.
  const double bound = h.dtype == "bf16" ? 2e-3 : h.dtype == "f16" ? 3e-4 : 1e-5;
  return compare(
      "append and attend against float64, error over the largest", bound, out,
      expected_output(h, qkv, widened(device, buffers.q_norm), widened(device, buffers.k_norm)));
}

}  // namespace membound

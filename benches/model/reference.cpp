// SPDX-License-Identifier: Apache-2.0
#include "benches/model/reference.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "benches/model/types.h"

namespace membound::reference {

namespace {

// Finite ones only.
double half_value(uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const double mantissa = (bits & 1023) / 1024.0;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -14) : std::ldexp(1 + mantissa, exponent - 15);
  return (bits & 0x8000u) != 0 ? -magnitude : magnitude;
}

// A row at a time, as quantised.h lays them out.
Vector widen_quantised(const std::vector<uint8_t>& bytes, const std::string& dtype,
                       int64_t columns) {
  const int64_t row_bytes = stored_bytes(dtype, columns);
  const int64_t scales = row_bytes - columns / 32 * 2;
  Vector values;
  for (const uint8_t* row = bytes.data(); row < bytes.data() + bytes.size(); row += row_bytes) {
    for (int64_t i = 0; i < columns; ++i) {
      const uint8_t* scale = row + scales + i / 32 * 2;
      double element = 0;
      if (dtype == "q8_0") {
        element = static_cast<double>(row[i]) - 128;
      } else {
        const bool grouped = i < columns / 128 * 128;
        const int64_t size = grouped ? 128 : 32;  // elements whose nibbles share bytes
        const int64_t in = i % size;
        const uint8_t pair = row[(i - in) / 2 + in % (size / 2)];
        element = (in < size / 2 ? pair & 15 : pair >> 4) - 8;
      }
      values.push_back(half_value(scale[0] | static_cast<uint32_t>(scale[1]) << 8) * element);
    }
  }
  return values;
}

// Element by element from where quantised.h says that a panel has it.
Vector widen_panels(const std::vector<uint8_t>& bytes, const std::string& dtype, int64_t columns,
                    int64_t panel_rows) {
  const int64_t block_bytes = stored_bytes(dtype, 32) - 2;  // of elements
  const int64_t row_bytes = stored_bytes(dtype, columns);
  const int64_t rows = static_cast<int64_t>(bytes.size()) / row_bytes;
  Vector values;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t first = row / panel_rows * panel_rows, lane = row - first;
    const int64_t abreast = std::min(panel_rows, rows - first);
    for (int64_t i = 0; i < columns; ++i) {
      const int64_t block = i / 32, in_pair = block % 2;
      const int64_t in_this_pair = std::min<int64_t>(2, columns / 32 - (block - in_pair));
      const uint8_t* pair =
          bytes.data() + first * row_bytes + (block - in_pair) * abreast * (block_bytes + 2);
      const int64_t byte = i % block_bytes;  // of GGUF's block
      const uint8_t raw = pair[(in_pair * block_bytes + byte / 4 * 4) * abreast + lane * 4 + i % 4];
      const uint8_t* scale = pair + (in_this_pair * block_bytes + in_pair * 2) * abreast + lane * 2;
      const double element = dtype == "q8_0" ? raw - 128 : (i % 32 < 16 ? raw & 15 : raw >> 4) - 8;
      values.push_back(half_value(scale[0] | static_cast<uint32_t>(scale[1]) << 8) * element);
    }
  }
  return values;
}

}  // namespace

Vector widen(const std::vector<uint8_t>& bytes, const std::string& dtype, int64_t columns,
             int64_t panel_rows) {
  if (is_quantised(dtype)) {
    return panel_rows > 0 ? widen_panels(bytes, dtype, columns, panel_rows)
                          : widen_quantised(bytes, dtype, columns);
  }
  const size_t size = dtype == "f32" ? 4 : 2;
  Vector values(bytes.size() / size);
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, bytes.data() + i * size, size);
    values[i] = dtype == "f16" ? half_value(bits)
                               : std::bit_cast<float>(dtype == "bf16" ? bits << 16 : bits);
  }
  return values;
}

double round_to(double value, const std::string& dtype) {
  const auto single = static_cast<float>(value);
  if (dtype == "f32" || value == 0) return single;
  if (dtype == "f16") {
    // To a multiple of the last of 11 bits, which are fewer below 2^-14.
    const double step = std::ldexp(1.0, std::max(std::ilogb(value), -14) - 10);
    return std::nearbyint(value / step) * step;
  }
  const auto bits = std::bit_cast<uint32_t>(single);
  const uint32_t even = (bits >> 16) & 1;
  return std::bit_cast<float>((bits + 0x7fff + even) & 0xffff0000u);
}

Vector round_all(Vector values, const std::string& dtype) {
  for (double& value : values) value = round_to(value, dtype);
  return values;
}

Vector round_blocks(const Vector& values, int levels) {
  constexpr size_t kBlock = 32;
  Vector rounded(values.size());
  for (size_t first = 0; first < values.size(); first += kBlock) {
    float largest = 0;
    for (size_t i = first; i < first + kBlock; ++i) {
      largest = std::max(largest, std::abs(static_cast<float>(values[i])));
    }
    const float scale = largest / static_cast<float>(levels);
    const float inverse = largest > 0 ? static_cast<float>(levels) / largest : 0.0f;
    for (size_t i = first; i < first + kBlock; ++i) {
      rounded[i] =
          static_cast<double>(scale) * std::nearbyint(static_cast<float>(values[i]) * inverse);
    }
  }
  return rounded;
}

Vector matmul(const Vector& x, const Vector& w, int64_t m, int64_t n, int64_t k) {
  Vector y(m * n);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) sum += x[i * k + l] * w[j * k + l];
      y[i * n + j] = sum;
    }
  }
  return y;
}

Vector rmsnorm(const Vector& x, const Vector& weight, int64_t rows, double epsilon) {
  const auto width = static_cast<int64_t>(weight.size());
  Vector y(rows * width);
  for (int64_t r = 0; r < rows; ++r) {
    double squares = 0;
    for (int64_t i = 0; i < width; ++i) squares += x[r * width + i] * x[r * width + i];
    const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + epsilon);
    for (int64_t i = 0; i < width; ++i) y[r * width + i] = x[r * width + i] * scale * weight[i];
  }
  return y;
}

void rope(double* x, int64_t heads, int64_t d, int64_t position, double theta,
          const std::vector<float>& factors) {
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t i = 0; i < d / 2; ++i) {
      double angle = static_cast<double>(position) *
                     std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(d));
      if (!factors.empty()) angle /= factors[i];
      double& a = x[h * d + i];
      double& b = x[h * d + i + d / 2];
      const double rotated = a * std::cos(angle) - b * std::sin(angle);
      b = b * std::cos(angle) + a * std::sin(angle);
      a = rotated;
    }
  }
}

Vector attend(const double* q, const Vector& k, const Vector& v, int64_t context, int64_t heads,
              int64_t kv_heads, int64_t d) {
  Vector out(heads * d);
  for (int64_t h = 0; h < heads; ++h) {
    const int64_t kv = h / (heads / kv_heads);
    Vector scores(context);
    double largest = -INFINITY;
    for (int64_t t = 0; t < context; ++t) {
      for (int64_t i = 0; i < d; ++i) scores[t] += q[h * d + i] * k[(t * kv_heads + kv) * d + i];
      scores[t] /= std::sqrt(static_cast<double>(d));
      largest = std::max(largest, scores[t]);
    }
    double sum = 0;
    for (double& score : scores) sum += score = std::exp(score - largest);
    for (int64_t t = 0; t < context; ++t) {
      for (int64_t i = 0; i < d; ++i) {
        out[h * d + i] += scores[t] / sum * v[(t * kv_heads + kv) * d + i];
      }
    }
  }
  return out;
}

double silu(double x) { return x / (1 + std::exp(-x)); }

std::vector<Choice> route(const Vector& logits, int64_t chosen, bool renormalises) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<Choice> all;
  double sum = 0;
  for (const double logit : logits) {
    all.push_back({static_cast<int64_t>(all.size()), std::exp(logit - largest)});
    sum += all.back().weight;
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Choice& a, const Choice& b) { return a.weight > b.weight; });
  all.resize(chosen);
  if (renormalises) {
    sum = 0;
    for (const Choice& choice : all) sum += choice.weight;
  }
  for (Choice& choice : all) choice.weight /= sum;
  return all;
}

Vector round_as(Rounding rounding, const Vector& values) {
  if (rounding == Rounding::kBlocks) return round_blocks(values);
  return rounding == Rounding::kBf16 ? round_all(values, "bf16") : values;
}

namespace {

// Matrix [n][k] number `index` of several that follow one another, times x.
Vector project(const Vector& x, const Vector& matrix, int64_t n, Rounding rounding,
               int64_t index = 0) {
  const auto k = static_cast<int64_t>(x.size());
  const auto begin = matrix.begin() + index * n * k;
  const Vector w(begin, begin + n * k);
  return matmul(round_as(rounding, x), w, 1, n, k);
}

}  // namespace

Sequence::Sequence(const Shape& shape, const Weights& weights, const std::string& dtype)
    : shape_(shape), weights_(weights), dtype_(dtype), keys_(shape.layers), values_(shape.layers) {}

Vector Sequence::attention(int64_t layer, Vector qkv) {
  const int64_t d = shape_.head_dim;
  const int64_t q = shape_.heads * d;
  const int64_t kv = shape_.kv_heads * d;
  if (shape_.qk_norm) {
    const auto& w = weights_.layers[layer];
    const Vector queries(qkv.begin(), qkv.begin() + q);
    const Vector keys(qkv.begin() + q, qkv.begin() + q + kv);
    const Vector normed_q = rmsnorm(queries, w.q_norm, shape_.heads, shape_.norm_epsilon);
    const Vector normed_k = rmsnorm(keys, w.k_norm, shape_.kv_heads, shape_.norm_epsilon);
    std::copy(normed_q.begin(), normed_q.end(), qkv.begin());
    std::copy(normed_k.begin(), normed_k.end(), qkv.begin() + q);
  }
  rope(qkv.data(), shape_.heads + shape_.kv_heads, d, position_, shape_.rope_theta,
       shape_.rope_factors);
  for (int64_t i = 0; i < kv; ++i) {
    keys_[layer].push_back(round_to(qkv[q + i], dtype_));
    values_[layer].push_back(round_to(qkv[q + kv + i], dtype_));
  }
  return attend(qkv.data(), keys_[layer], values_[layer], position_ + 1, shape_.heads,
                shape_.kv_heads, d);
}

Vector Sequence::mlp(int64_t layer, const Vector& normed, Rounding rounding) const {
  const auto& w = weights_.layers[layer];
  const int64_t inner = shape_.experts > 0 ? shape_.expert_intermediate : shape_.intermediate;
  std::vector<Choice> experts = {{0, 1.0}};
  if (shape_.experts > 0) {
    experts = route(project(normed, w.router, shape_.experts, Rounding::kNone),
                    shape_.experts_per_token, shape_.norm_top_k);
  }
  Vector sum(shape_.hidden);
  for (const Choice& choice : experts) {
    const Vector gate_up = project(normed, w.gate_up, 2 * inner, rounding, choice.expert);
    Vector activated(inner);
    for (int64_t i = 0; i < inner; ++i) activated[i] = silu(gate_up[i]) * gate_up[inner + i];
    const Vector out = project(activated, w.down, shape_.hidden, rounding, choice.expert);
    for (int64_t i = 0; i < shape_.hidden; ++i) sum[i] += choice.weight * out[i];
  }
  return sum;
}

Vector Sequence::next(int64_t token, Rounding layers, Rounding head) {
  const int64_t hidden = shape_.hidden;
  const auto row = weights_.embedding.begin() + token * hidden;
  Vector x(row, row + hidden);
  const auto add = [&x](const Vector& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  };
  for (int64_t l = 0; l < shape_.layers; ++l) {
    const auto& w = weights_.layers[l];
    const Vector normed = rmsnorm(x, w.attn_norm, 1, shape_.norm_epsilon);
    const Vector attended = attention(l, project(normed, w.qkv, shape_.qkv_rows(), layers));
    add(project(attended, w.o, hidden, layers));
    add(mlp(l, rmsnorm(x, w.mlp_norm, 1, shape_.norm_epsilon), layers));
  }
  ++position_;
  const Vector last = rmsnorm(x, weights_.final_norm, 1, shape_.norm_epsilon);
  return matmul(round_as(head, last), weights_.head, 1, shape_.vocab, hidden);
}

}  // namespace membound::reference

// SPDX-License-Identifier: Apache-2.0
// A transformer in plain float64 loops, written from its formulas and from nothing that it checks.
// Slow and simple on purpose.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "benches/harness/bench.h"
#include "benches/model/shape.h"

namespace membound::reference {

using Vector = std::vector<double>;

// Elements of host memory that holds rows of `columns` elements of `dtype`; quantised ones of a
// whole matrix, or of whole panels, where a device has them in panels (DeviceInfo::panel_rows).
Vector widen(const std::vector<uint8_t>& bytes, const std::string& dtype, int64_t columns,
             int64_t panel_rows = 0);
// The nearest value that `dtype` ("f32", "f16", "bf16") can hold (ties to even).
double round_to(double value, const std::string& dtype);
Vector round_all(Vector values, const std::string& dtype);
// As kernels that multiply integers take activations: whole numbers from -levels to levels with a
// scale for each block of 32. Computed in f32 as they do, so that all round alike.
inline constexpr int kInt8Levels = 127;
inline constexpr int kTwoInt8Levels = 127 * 128;
Vector round_blocks(const Vector& values, int levels = kInt8Levels);

// x[m][k] times w[n][k] transposed: [m][n].
Vector matmul(const Vector& x, const Vector& w, int64_t m, int64_t n, int64_t k);
Vector rmsnorm(const Vector& x, const Vector& weight, int64_t rows, double epsilon);
// Rotates each head of `x` (one token, head_dim values a head) for `position`, pairs (i, i + d/2),
// whose frequencies `factors` divide where there are any.
void rope(double* x, int64_t heads, int64_t head_dim, int64_t position, double theta,
          const std::vector<float>& factors = {});
// One query token over `context` tokens: q[heads][d], k and v [context][kv_heads][d] -> [heads][d].
Vector attend(const double* q, const Vector& k, const Vector& v, int64_t context, int64_t heads,
              int64_t kv_heads, int64_t head_dim);
double silu(double x);
// The `chosen` experts with the largest probabilities, softmax over all `logits`, largest first and
// of equal ones the lowest; the probabilities of the chosen sum to 1 where it `renormalises`.
struct Choice {
  int64_t expert;
  double weight;
};
std::vector<Choice> route(const Vector& logits, int64_t chosen, bool renormalises);

// What a matmul does to its activations before it multiplies.
enum class Rounding { kNone, kBf16, kBlocks };
Vector round_as(Rounding rounding, const Vector& values);

// Weights as the programs lay them out: q, k and v rows in one matrix, gate and up rows in another,
// experts one after the other. What an architecture lacks is empty.
struct Weights {
  struct Layer {
    Vector attn_norm, qkv, q_norm, k_norm, o, mlp_norm, router, gate_up, down;
  };
  Vector embedding, final_norm, head;
  std::vector<Layer> layers;
};

// One sequence with its cache; keys and values are rounded to `dtype` as a cache would store them.
class Sequence {
 public:
  Sequence(const Shape& shape, const Weights& weights, const std::string& dtype);
  // Runs one token and returns the logits [vocab]. The layers' matmuls and the head's round their
  // activations as they are told.
  Vector next(int64_t token, Rounding layers = Rounding::kNone, Rounding head = Rounding::kNone);

 private:
  Vector attention(int64_t layer, Vector qkv);
  Vector mlp(int64_t layer, const Vector& normed, Rounding rounding) const;

  const Shape& shape_;
  const Weights& weights_;
  const std::string dtype_;
  int64_t position_ = 0;
  std::vector<Vector> keys_, values_;  // a layer: [position][kv_heads][d]
};

}  // namespace membound::reference

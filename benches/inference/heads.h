// SPDX-License-Identifier: Apache-2.0
// What the rope_append and attention benches share: operands of one layer, and a check of both
// together. The cache's layout is private to the two kernels, so each is checked through the other.
#pragma once

#include <string>
#include <vector>

#include "benches/harness/workspace.h"
#include "benches/inference/model_cases.h"
#include "benches/model/shape.h"

namespace membound {

// Each of the two is checked through the other.
inline const std::vector<std::string> kHeadsKernels = {
    "rope_append/f32", "rope_append/f16", "rope_append/bf16", "attention/f32",
    "attention/f16",   "attention/bf16",  "fill/f32"};

struct Heads {
  std::string dtype;  // of the cache
  int64_t batch;
  int64_t tokens;   // new ones of each sequence
  int64_t context;  // that the newest attends to
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;
  int64_t splits;
  bool qk_norm;

  int64_t rows() const { return batch * tokens; }
  int64_t capacity() const { return (context + 15) / 16 * 16; }
  int64_t qkv_columns() const { return (heads + 2 * kv_heads) * head_dim; }
  int64_t cache_bytes() const;  // of keys or of values
};

Heads heads_of(const Device& device, const Case& c);

// Buffers of both kernels: qkv, state, frequencies, norms of queries and keys, output, scratch.
struct HeadsBuffers {
  HeadsBuffers(const Device& device, const Heads& heads);
  std::vector<Buffer> take() &&;
  Args args(const Heads& heads, bool attention, Operand keys, Operand values) const;

  Buffer qkv, state, frequencies, q_norm, k_norm, out, scratch;
};

// Appends a whole context token by token group, attends with the newest tokens, and compares with
// the float64 reference; contexts above 200 tokens are checked at 200.
Check check_heads(const Device& device, Heads heads);

}  // namespace membound

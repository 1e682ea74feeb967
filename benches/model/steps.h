// SPDX-License-Identifier: Apache-2.0
// A transformer step as a list of ops with their work, before any device is involved. Programs are
// built from it, `--print-work` prints it, and the kernel benches take their shapes from it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "benches/harness/bench.h"
#include "benches/harness/work.h"
#include "benches/model/shape.h"
#include "benches/model/types.h"

namespace membound {

// Prefill runs `tokens` tokens of each sequence through an empty cache; decode runs one token of
// each sequence, which attends to `tokens` tokens, itself among them.
struct StepSpec {
  enum Phase { kDecode, kPrefill } phase;
  int64_t batch;   // sequences
  int64_t tokens;  // decode: context; prefill: prompt length
  // Experts of a layer that the step reads; 0: as many as are expected to be touched.
  int64_t touched = 0;

  int64_t tokens_per_sequence() const { return phase == kDecode ? 1 : tokens; }
  int64_t rows() const { return batch * tokens_per_sequence(); }
};

struct Op {
  std::string name;   // "qkv", "attention", ...
  std::string bench;  // the kernel bench that measures it: "gemv", "rmsnorm", ...
  Case shape;         // that bench's case
  int64_t layer;      // -1 outside the layers
  Work work;
};

// Rows above which a matmul is measured and run as `gemm`, not as `gemv`.
inline constexpr int64_t kGemvRows = 64;

std::vector<Op> step_ops(const Shape& shape, const Types& types, const StepSpec& step);

// x[m][k] times W[n][k] transposed, added to what is there where `accumulate`. Its flops are those
// of the weights' type: that decides which units may do them.
Work matmul_work(int64_t m, int64_t n, int64_t k, bool accumulate, const std::string& dtype);

// Experts of a layer that `rows` tokens touch if each of its choices is equally likely: N (1 - (1 -
// k / N)^rows).
double expected_experts(const Shape& shape, int64_t rows);
// Bytes of all matrices of one expert.
int64_t expert_bytes(const Shape& shape, const Types& types);

Work total(const std::vector<Op>& ops);
// Bytes of weights read, by what the tensors are for, and of the cache read and written: the
// classes of describe_weights.h and "cache".
std::map<std::string, int64_t> bytes_by_class(const Shape& shape, const std::vector<Op>& ops);

int64_t weight_bytes(const Shape& shape, const Types& types);
// Of the cache at that context.
int64_t kv_bytes(const Shape& shape, const Types& types, const StepSpec& step);

// "family/bench/dtype/..." of the op's kernel bench.
std::string bench_name(const Op& op);

}  // namespace membound

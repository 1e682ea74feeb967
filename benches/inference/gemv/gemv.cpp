// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/matmul.h"
#include "benches/inference/model_cases.h"

namespace membound {
namespace {

// Beyond what the steps use: how the rate falls with the number of rows, in the plain types and in
// the one that was asked for.
std::vector<Case> extra_cases(Workspace& workspace) {
  const Options& options = workspace.options();
  if (!options.model) return {};
  const Shape& s = *options.model;
  if (options.profile == "quick") {
    return {{"f32", {{"m", 1}, {"n", 2 * s.intermediate}, {"k", s.hidden}}},
            {"bf16", {{"m", 16}, {"n", 2 * s.intermediate}, {"k", s.hidden}}}};
  }
  std::vector<std::pair<int64_t, int64_t>> matrices = {{2 * s.intermediate, s.hidden}};
  if (options.profile == "full") {
    matrices.insert(matrices.end(), {{s.hidden, s.intermediate}, {s.qkv_rows(), s.hidden}});
  }
  std::vector<Case> cases;
  std::vector<std::string> dtypes = {"bf16", "f16", "f32"};
  if (is_quantised(options.types.weights)) dtypes.push_back(options.types.weights);
  for (const std::string& dtype : dtypes) {
    for (const auto& [n, k] : matrices) {
      for (const int64_t m : {1, 2, 4, 8, 16, 32, 64}) {
        cases.push_back({dtype, {{"m", m}, {"n", n}, {"k", k}}});
      }
    }
  }
  return cases;
}

const BenchRegistrar registrar(matmul_bench(
    "gemv", "m rows times a matrix from memory, m up to 64: what decode does most", extra_cases));

}  // namespace
}  // namespace membound

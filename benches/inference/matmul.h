// SPDX-License-Identifier: Apache-2.0
// y[m][n] = x[m][k] times W[n][k] transposed, weights from memory: `gemv` up to 64 rows (decode),
// `gemm` above (prefill).
#pragma once

#include <string>
#include <vector>

#include "benches/harness/bench.h"

namespace membound {

Bench matmul_bench(const std::string& name, const std::string& question,
                   std::vector<Case> (*extra_cases)(Workspace&));

}  // namespace membound

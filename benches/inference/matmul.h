// SPDX-License-Identifier: Apache-2.0
// y[m][n] = x[m][k] times W[n][k] transposed, weights from memory: `gemv` up to 64 rows (decode),
// `gemm` above (prefill).
#pragma once

#include <string>
#include <vector>

#include "benches/harness/bench.h"
#include "benches/model/reference.h"

namespace membound {

// What a kernel may do to its operands before it multiplies. It has to follow one of these
// arithmetics closely, which finds more than a bound that allows for the rounding.
struct Arithmetic {
  std::string what;
  reference::Vector x;  // activations as they are multiplied
  bool bf16_weights;
};

std::vector<Arithmetic> arithmetics(const std::string& dtype, const reference::Vector& x);

// Largest error of such an arithmetic over the sum of magnitudes. Activations kept as two parts of
// bf16 lose up to 2^-18 = 3.8e-6.
double matmul_bound(const std::string& dtype);

// Runs the launch of a gemv or gemm and compares sampled rows with the float64 reference.
Check check_matmul(const Device& device, const Launch& launch, const std::string& dtype);

Bench matmul_bench(const std::string& name, const std::string& question,
                   std::vector<Case> (*extra_cases)(Workspace&));

}  // namespace membound

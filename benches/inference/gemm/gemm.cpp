// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/matmul.h"

namespace membound {

static const BenchRegistrar registrar(
    matmul_bench("gemm", "many rows times a matrix from memory: what prefill does most", nullptr));

}  // namespace membound

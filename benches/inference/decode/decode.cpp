// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/step_bench.h"

namespace membound {

static const BenchRegistrar registrar(step_bench(
    "decode", "one token of each sequence through the whole model: tokens/s", StepSpec::kDecode));

}  // namespace membound

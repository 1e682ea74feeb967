// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/step_bench.h"

namespace membound {

static const BenchRegistrar registrar(step_bench("prefill",
                                                 "a whole prompt through the whole model: tokens/s",
                                                 StepSpec::kPrefill));

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/overhead/empty.h"

namespace membound {

static const BenchRegistrar registrar(empty_bench(
    "barrier", "an empty launch that waits for the one before: what does a dependency cost?",
    true));

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/overhead/empty.h"

namespace membound {

static const BenchRegistrar registrar(empty_bench(
    "launch", "an empty launch within a running program: what does each one cost?", false));

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// The scalar is -1, so that values stay what they are however often they are updated.
#include "benches/bandwidth/stream.h"

namespace membound {

static const BenchRegistrar registrar(stream_bench({
    .name = "update",
    .question = "a[i] = s * a[i]: lines that are read and written back",
    .reads = 1,
    .writes = 1,
    .flops_per_element = 1,
    .reference = [](double a, double) { return -a; },
    .scalar = -1,
    .in_place = true,
}));

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/stream.h"

namespace membound {

static const BenchRegistrar registrar(stream_bench({
    .name = "triad",
    .question = "a[i] = b[i] + s * c[i]: the mixed stream that STREAM made the habit",
    .reads = 2,
    .writes = 1,
    .flops_per_element = 2,
    .reference = [](double b, double c) { return b + kStreamScalar * c; },
    .headline = true,
}));

}  // namespace membound

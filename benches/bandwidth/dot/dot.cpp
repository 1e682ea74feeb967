// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/stream.h"

namespace membound {

static const BenchRegistrar registrar(stream_bench({
    .name = "dot",
    .question = "sum += b[i] * c[i]: two streams in, nothing out",
    .reads = 2,
    .writes = 0,
    .flops_per_element = 2,
    .reference = [](double b, double c) { return b * c; },
}));

}  // namespace membound

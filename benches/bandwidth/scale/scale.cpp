// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/stream.h"

namespace membound {

static const BenchRegistrar registrar(stream_bench({
    .name = "scale",
    .question = "a[i] = s * b[i]: one stream in, one out, one flop an element",
    .reads = 1,
    .writes = 1,
    .flops_per_element = 1,
    .reference = [](double b, double) { return kStreamScalar * b; },
}));

}  // namespace membound

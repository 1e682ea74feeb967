// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/stream.h"

namespace membound {

static const BenchRegistrar registrar(stream_bench({
    .name = "add",
    .question = "a[i] = b[i] + c[i]: two streams in, one out",
    .reads = 2,
    .writes = 1,
    .flops_per_element = 1,
    .reference = [](double b, double c) { return b + c; },
}));

}  // namespace membound

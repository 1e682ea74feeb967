// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/stream.h"

namespace membound {

static const BenchRegistrar registrar(stream_bench({
    .name = "copy",
    .question = "a[i] = b[i]: one stream in, one out",
    .reads = 1,
    .writes = 1,
    .flops_per_element = 0,
    .reference = [](double b, double) { return b; },
    .headline = true,
}));

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/stream.h"

namespace membound {

static const BenchRegistrar registrar(stream_bench({
    .name = "write",
    .question = "a[i] = s: how fast does memory take what is stored?",
    .reads = 0,
    .writes = 1,
    .flops_per_element = 0,
    .reference = [](double, double) { return kStreamScalar; },
    .headline = true,
}));

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// Matmuls of quantised weights whose products are of bytes: activations become int8 with a scale
// for each block of 32, as close to float64 as an engine that does the same. With the arguments of
// gemv and gemm.
#pragma once

#include "backends/cpu/kernel.h"
#include "benches/inference/kernels/quantised.h"

namespace membound::cpu {

// Only where extensions() has avx512_vnni. Up to kVnniRowTokens tokens by rows as they stream by,
// any number by panels that are brought into the instruction's order first.
inline constexpr int64_t kVnniRowTokens = 4;
template <typename Q>
void vnni_rows(const Args& args, Team team);
template <typename Q>
void vnni_panels(const Args& args, Team team);

}  // namespace membound::cpu

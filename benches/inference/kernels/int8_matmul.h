// SPDX-License-Identifier: Apache-2.0
// Matmul of quantised weights whose products are of bytes: activations become int8 with a scale
// for each block of 32, as close to float64 as an engine that does the same. With the arguments of
// gemv and gemm.
#pragma once

#include "backends/cpu/kernel.h"
#include "benches/inference/kernels/quantised.h"

namespace membound::cpu {

// Only where extensions() has avx512_vnni. Up to kVnniTokens tokens meet weights as these stream
// by; with more of them panels are read from a cache again.
inline constexpr int64_t kVnniTokens = 16;
template <typename Q>
void vnni_matmul(const Args& args, Team team);

}  // namespace membound::cpu

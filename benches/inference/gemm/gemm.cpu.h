// SPDX-License-Identifier: Apache-2.0
// The matmuls that widen or pack weights once for all tokens, by the best units there are.
#pragma once

#include "backends/cpu/kernel.h"
#include "benches/inference/kernels/quantised.h"

namespace membound::cpu {

void matmul_bf16(const Args& args, Team team);
void matmul_f16(const Args& args, Team team);
void matmul_f32(const Args& args, Team team);
template <typename Q>
void matmul_quantised(const Args& args, Team team);

}  // namespace membound::cpu

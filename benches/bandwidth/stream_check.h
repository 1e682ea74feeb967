// SPDX-License-Identifier: Apache-2.0
// Results of the stream kernels against float64.
#pragma once

#include <string>

#include "benches/bandwidth/stream.h"

namespace membound {

// Runs `launch` over part of its operands and compares. The operands stay as they were but for the
// result.
Check check_stream(const Device& device, const Stream& stream, const std::string& dtype,
                   const Launch& launch);

}  // namespace membound

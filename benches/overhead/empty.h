// SPDX-License-Identifier: Apache-2.0
// Both overhead benches run a kernel that does nothing; they differ in whether each launch waits
// for the one before.
#pragma once

#include <string>

#include "benches/harness/bench.h"

namespace membound {

Bench empty_bench(const std::string& name, const std::string& question, bool ordered);

}  // namespace membound

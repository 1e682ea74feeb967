// SPDX-License-Identifier: Apache-2.0
// A loop over independent pieces by all cores, for work of the host.
#pragma once

#include <cstdint>
#include <functional>

namespace membound {

// Calls `body` for each of [0, count), in any order, from several threads. The first exception ends
// the loop and is thrown again.
void parallel_for(int64_t count, const std::function<void(int64_t)>& body);

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// A team of threads, one bound to each core, that interprets programs.
#pragma once

#include <cstdint>
#include <functional>

#include "backends/backend.h"
#include "backends/cpu/kernel.h"

namespace membound::cpu {

// Calls `body` on each thread of a team of `threads`, bound to cores of `domain` (-1: of all).
void on_team(int32_t threads, const std::function<void(Team)>& body, int32_t domain = -1);

// Interprets `runs` runs of the program on a team of `threads`, from buffer set `first_set` of
// `rotation` on; returns seconds from the moment that all threads stand ready until the last is
// done. `stamps` (may be null, `capacity` entries) gets the end of each launch of the last run.
double interpret(const Program& program, const Plan& plan, int64_t first_set, int32_t threads,
                 double* stamps, int64_t capacity);

}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
// Memory for streams: huge pages where the system gives them, first touched by the team.
#pragma once

#include <cstdint>

namespace membound::cpu {

// Zeroed memory. Pages are touched by all threads in turn, 2 MiB at a time, so that any slice of a
// buffer lies spread over all NUMA domains that the team reaches. Throws Error (out of memory).
void* allocate(int64_t bytes);
void release(void* data);

// Bytes of all live allocations, and how many of those lie on huge pages as the kernel tells.
int64_t allocated_bytes();
int64_t huge_page_bytes();

}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
// Memory for streams: huge pages where the system gives them, first touched by the team.
#pragma once

#include <cstdint>

namespace membound::cpu {

// Zeroed memory. Pages are touched by all threads in turn, 2 MiB at a time, so that any slice of a
// buffer lies spread over all NUMA domains that the team reaches; or they lie on one `domain`.
// Huge pages are asked for, or ruled out where `small_pages`. Throws Error (out of memory, a domain
// that the system does not give).
void* allocate(int64_t bytes, bool small_pages = false, int32_t domain = -1);
void release(void* data);

// Bytes of all live allocations, and how many of those lie on huge pages as the kernel tells.
int64_t allocated_bytes();
int64_t huge_page_bytes();

}  // namespace membound::cpu

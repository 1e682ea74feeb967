// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/memory.h"

#include <sys/mman.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, bytes) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(data, bytes) ((void)0)
#endif

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "backends/cpu/host.h"
#include "backends/cpu/team.h"
#include "backends/cpu/topology.h"
#include "backends/error.h"

namespace membound::cpu {
namespace {

constexpr int64_t kHugePageBytes = int64_t{2} << 20;
constexpr int64_t kPageBytes = 4096;

std::map<void*, int64_t>& live() {
  static std::map<void*, int64_t> allocations;
  return allocations;
}

int64_t mapped_bytes(int64_t bytes) {
  return (std::max<int64_t>(bytes, 1) + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
}

// The kernel grants huge pages only on their own boundary; over-map and cut.
void* map_aligned(int64_t bytes) {
  const int64_t padded = bytes + kHugePageBytes;
  void* raw = mmap(nullptr, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) {
    raise("mmap", __FILE__, __LINE__, std::strerror(errno), kOutOfMemory);
  }
  const auto address = reinterpret_cast<uintptr_t>(raw);
  const auto aligned = (address + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  const auto end = aligned + bytes;
  if (aligned > address) munmap(raw, aligned - address);
  if (address + padded > end) munmap(reinterpret_cast<void*>(end), address + padded - end);
  return reinterpret_cast<void*>(aligned);
}

void first_touch(char* data, int64_t bytes) {
  on_team(core_count(), [=](Team team) {
    for (int64_t chunk = team.thread * kHugePageBytes; chunk < bytes;
         chunk += team.threads * kHugePageBytes) {
      const int64_t end = std::min(chunk + kHugePageBytes, bytes);
      for (int64_t i = chunk; i < end; i += kPageBytes) static_cast<volatile char*>(data)[i] = 0;
    }
  });
}

}  // namespace

void* allocate(int64_t bytes, bool small_pages, int32_t domain) {
  const int64_t mapped = mapped_bytes(bytes);
  // The system would grant the addresses and kill somebody at the first touch.
  const int64_t free = memory_free_bytes();
  if (mapped > free) {
    raise("mapped <= free", __FILE__, __LINE__,
          std::to_string(mapped) + " bytes wanted, " + std::to_string(free) + " are free",
          kOutOfMemory);
  }
  void* data = map_aligned(mapped);
  // Wishes; huge_page_bytes() tells what came of them.
  madvise(data, mapped, small_pages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
  try {
    if (domain >= 0) bind_memory(data, mapped, domain);
  } catch (...) {
    munmap(data, mapped);
    throw;
  }
  first_touch(static_cast<char*>(data), mapped);
  // Mappings are whole huge pages: what a kernel does past the end must not go unseen.
  ASAN_POISON_MEMORY_REGION(static_cast<char*>(data) + bytes, mapped - bytes);
  live()[data] = mapped;
  return data;
}

void release(void* data) {
  const auto found = live().find(data);
  if (found == live().end()) return;
  ASAN_UNPOISON_MEMORY_REGION(data, found->second);
  munmap(data, found->second);
  live().erase(found);
}

int64_t allocated_bytes() {
  int64_t total = 0;
  for (const auto& [data, bytes] : live()) total += bytes;
  return total;
}

int64_t huge_page_bytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("AnonHugePages:", 0) != 0) continue;
    std::istringstream value(line.substr(14));
    int64_t kibibytes = 0;
    value >> kibibytes;
    return kibibytes * 1024;
  }
  return 0;
}

}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
// The table of a module's kernels, and what a launch needs to know of the device. Host code only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backends/backend.h"
#include "vendor.h"

namespace membound::gpu {

inline constexpr uint32_t kBlock = 256;  // threads in a block, unless a kernel needs others

// Where a launch goes: a stream of a device, and what shapes the grid there.
struct Site {
  cudaStream_t stream;
  int32_t compute_units;     // SMs or CUs
  int32_t threads_per_unit;  // that can be resident
  int32_t warp_size;
  bool overlaps;  // launch_overlapped() has an effect
  // Blocks of kBlock threads for a grid-stride loop: no more than are resident at once.
  uint32_t blocks(int64_t threads) const {
    const int64_t resident = int64_t{compute_units} * (threads_per_unit / kBlock);
    return static_cast<uint32_t>(std::clamp<int64_t>((threads + kBlock - 1) / kBlock, 1, resident));
  }
};

// Queues the kernel on the site's stream; must be capturable into a graph.
using Launcher = void (*)(const Args&, const Site&);

struct Kernel {
  const char* name;
  Launcher launcher;
};

// Filled before dlopen() returns, data only.
inline std::vector<Kernel>& kernels() {
  static std::vector<Kernel> table;
  return table;
}

struct Registrar {
  Registrar(const char* name, Launcher launcher) { kernels().push_back({name, launcher}); }
};

}  // namespace membound::gpu

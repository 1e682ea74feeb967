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
  int32_t compute_units;     // SMs or CUs that the launch may use
  int32_t threads_per_unit;  // that can be resident
  int32_t warp_size;
  int32_t shared_bytes;     // that one block can have
  bool early_start;         // kernels can start while the one before drains (Grid::early_start)
  bool blocks_run_in_turn;  // emulated: a block waits for no other one

  // Blocks of `block` threads for a grid-stride loop: no more than are resident at once.
  uint32_t blocks(int64_t threads, uint32_t block = kBlock) const {
    const int64_t resident = int64_t{compute_units} * std::max(1U, threads_per_unit / block);
    return static_cast<uint32_t>(std::clamp<int64_t>((threads + block - 1) / block, 1, resident));
  }

  // Blocks that surely run at the same time, one a unit: for kernels whose blocks wait for others.
  uint32_t blocks_together() const {
    return blocks_run_in_turn ? 1 : static_cast<uint32_t>(compute_units);
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

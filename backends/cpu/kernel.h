// SPDX-License-Identifier: Apache-2.0
// What a CPU kernel sees: its arguments and its place in the team. Every thread of the team calls
// the kernel; the kernel takes its own share of the work.
//
// A kernel file is compiled once for each instruction set by Highway (hwy/foreach_target.h) and
// ends with MEMBOUND_CPU_KERNEL lines, which put it in the module's table.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "backends/backend.h"

namespace membound::cpu {

struct Team {
  int32_t thread;
  int32_t threads;
};

using KernelFunction = void (*)(const Args&, Team);

struct Kernel {
  const char* name;
  KernelFunction function;
};

// The module's table; filled before main() or dlopen() returns, data only.
inline std::vector<Kernel>& kernels() {
  static std::vector<Kernel> table;
  return table;
}

// Of a kernel that the module has; for kernels that are made of others, at their first call.
inline KernelFunction kernel_named(const char* name) {
  for (const Kernel& kernel : kernels()) {
    if (std::strcmp(kernel.name, name) == 0) return kernel.function;
  }
  return nullptr;
}

struct Registrar {
  Registrar(const char* name, KernelFunction function) { kernels().push_back({name, function}); }
};

struct Range {
  int64_t begin;
  int64_t end;
};

// This thread's share of [0, count) in whole blocks: contiguous, equal to within one block.
inline Range share(int64_t count, int64_t block, Team team) {
  const int64_t blocks = (count + block - 1) / block;
  const int64_t begin = blocks * team.thread / team.threads * block;
  const int64_t end = blocks * (team.thread + 1) / team.threads * block;
  return {std::min(begin, count), std::min(end, count)};
}

// A matmul's share of W's rows n[1]; only rows [n[4], n[5]) are computed where n[5] is set.
inline Range matmul_rows(const Args& args, int64_t block, Team team) {
  const int64_t first = args.n[4], end = args.n[5] > 0 ? args.n[5] : args.n[1];
  const Range part = share(end - first, block, team);
  return {first + part.begin, first + part.end};
}

// Of quantised weights that lie abreast: DeviceInfo::panel_rows. Lanes of the widest vectors.
inline constexpr int64_t kPanelRows = 16;

template <typename T>
T* pointer(const Args& args, int index) {
  return static_cast<T*>(args.buffer[index].data);
}

}  // namespace membound::cpu

#define MEMBOUND_CONCAT_(a, b) a##b
#define MEMBOUND_CONCAT(a, b) MEMBOUND_CONCAT_(a, b)

// `function` was made known with HWY_EXPORT in the same namespace.
#define MEMBOUND_CPU_KERNEL(name, function)                                                \
  static const ::membound::cpu::Registrar MEMBOUND_CONCAT(kernel_registrar_, __COUNTER__)( \
      name, [](const ::membound::Args& args, ::membound::cpu::Team team) {                 \
        HWY_DYNAMIC_DISPATCH(function)(args, team);                                        \
      })

// SPDX-License-Identifier: Apache-2.0
// The seam: all that a backend or a kernel sees of the rest, and all that the rest sees of them.
//
// A backend is a module (shared object) with hidden symbols and one exported function,
// `membound_backend`, that returns a table of functions. Only the plain data below crosses it: no
// exception and no C++ type with a hidden layout. Functions that can fail take a Status; the
// wrappers in loader.h turn it into an exception on the caller's side.
#pragma once

#include <cstdint>
#include <limits>

namespace membound {

// Raised whenever anything below changes its layout or meaning; the loader refuses other numbers.
inline constexpr int32_t kAbi = 3;

inline constexpr int kMaxBuffers = 8;
inline constexpr int kMaxSizes = 8;
inline constexpr int kMaxScalars = 2;

enum StatusCode : int32_t { kOk = 0, kFailed = 1, kUnsupported = 2, kOutOfMemory = 3 };

// What went wrong, with expression, file and line where there are any.
struct Status {
  int32_t code = kOk;
  char message[1020] = "";
};

// Small pages: device memory on the system's ordinary pages, where a backend has the choice.
enum MemoryKind : int32_t { kDeviceMemory = 0, kPinnedHostMemory = 1, kSmallPages = 2 };

struct DeviceInfo {
  char id[32];             // "cpu:0"
  char name[128];          // as the vendor spells it
  char architecture[64];   // the one that kernels run as: "AVX3_DL", "sm_90", "gfx90a"
  char details[16384];     // a JSON object with everything else that is known, each with its source
  int32_t emulated;        // 1: its timings are never results
  int32_t compute_units;   // cores in use, SMs or CUs
  int32_t unit_threads;    // that a unit keeps resident at once; 1 for a core
  int32_t fetches_stores;  // 1: an ordinary store first reads the line that it writes to
  int32_t memory_domains;  // that alloc() can aim at and Plan can start from; 1 where all is alike
  int64_t llc_bytes;       // last-level caches, all together; 0 where unknown
  int64_t memory_bytes;
  int64_t memory_free_bytes;
  // Of quantised weights whose rows lie abreast in panels; 0: one row lies after the other. Both
  // are described in benches/model/quantised.h.
  int32_t panel_rows;
  double timer_tick_seconds;  // resolution of the clock behind Measurement::seconds
};

// One operand. Buffer set r of a rotation lies at data + r * stride_bytes (0: shared by all sets).
struct Operand {
  void* data;
  int64_t stride_bytes;
};

// What a kernel gets; each kernel documents the meaning of its operands and sizes.
struct Args {
  Operand buffer[kMaxBuffers];
  int64_t n[kMaxSizes];
  double scalar[kMaxScalars];
};

// The operands of buffer set `set`.
inline Args resolve(const Args& args, int64_t set) {
  Args resolved = args;
  for (Operand& operand : resolved.buffer) {
    operand.data = static_cast<char*>(operand.data) + set * operand.stride_bytes;
  }
  return resolved;
}

// One kernel over its operands. `depends` is the index of the latest launch of the same run whose
// results it needs, -1 for none: a backend synchronises only where that demands it.
struct Launch {
  const void* kernel;  // from find_kernel
  Args args;
  int32_t depends;
};

// What is timed. Ordered: each run begins after the one before has finished.
struct Program {
  const Launch* launches;
  int64_t count;
  int32_t ordered;
};

// Scalars that change from step to step live on the device, so that a captured graph replays with a
// growing context.
struct StepState {
  int64_t position;  // of the newest token of each sequence; it attends to position + 1 tokens
  int64_t step;      // runs since the start
};

// A program on a device; several of them run together (co-runners, peers, both directions).
struct Placed {
  int32_t device;  // index within the backend
  const Program* program;
  int32_t stream;
};

struct Plan {
  int64_t runs;           // runs of the program in one sample
  int32_t samples;        //
  int64_t rotation;       // buffer sets to go round; 1 measures hot
  int64_t first_set;      // where the rotation goes on, so that cold data stays cold
  int32_t compute_units;  // limit, 0: all
  int32_t domain = -1;    // use only the units of this memory domain; -1: of all
};

enum Throttle : uint32_t { kNoThrottle = 0, kThermal = 1, kPower = 2, kOtherThrottle = 4 };

// State of the device around one sample; NaN where it can't be had.
struct Telemetry {
  double clock_hz;
  double power_watts;
  double temperature_celsius;
  double steal_fraction;  // of the units' time that others took (hypervisor, other processes)
  uint32_t throttle;      // Throttle flags
  // That crossed the memory bus, by hardware counters of the units in use.
  double counted_bytes = std::numeric_limits<double>::quiet_NaN();
};

// Filled by measure(). The arrays are the caller's; `stamps` may be null.
struct Measurement {
  double* seconds;       // [samples] of the slowest placed program, all runs of a sample
  Telemetry* telemetry;  // [samples]
  double* stamps;        // [stamp_capacity] end of each launch of the last run, seconds from start
  int64_t stamp_capacity;
  int32_t samples;       // how many were taken
  char stop_reason[64];  // empty: all that the plan asked for
  // How the programs were kept to the plan's compute units, and how many they really had. Empty and
  // 0 where the backend keeps to the plan exactly.
  char limit[160];
  int32_t compute_units;
};

// The table. Devices are numbered from 0; every function may be called from one thread at a time.
struct BackendApi {
  int32_t abi;
  const char* name;
  // Number of devices; 0 is no error and then *why_none says the reason.
  int32_t (*device_count)(const char** why_none);
  void (*device_info)(int32_t device, DeviceInfo* out, Status* status);
  // Zeroed memory, touched and ready; `domain` is a NUMA or HBM target, -1 spreads over all. Null
  // on error.
  void* (*alloc)(int32_t device, int64_t bytes, MemoryKind kind, int32_t domain, Status* status);
  void (*release)(int32_t device, void* data);
  // Either side may be host memory.
  void (*copy)(int32_t device, void* target, const void* source, int64_t bytes, Status* status);
  // Null: this backend has no such kernel.
  const void* (*find_kernel)(const char* name);
  // Name of the i-th kernel, null past the last.
  const char* (*kernel_name)(int32_t index);
  void (*measure)(const Placed* placed, int32_t count, const Plan* plan, Measurement* out,
                  Status* status);
  // JSON object {architecture: "compiled" | "emulated" | "run"}: what the module was built for.
  const char* architectures;
};

}  // namespace membound

extern "C" {
typedef const membound::BackendApi* (*MemboundBackendFunction)();
#define MEMBOUND_EXPORT extern "C" __attribute__((visibility("default")))
}

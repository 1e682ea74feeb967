// SPDX-License-Identifier: Apache-2.0
// The smallest backend: one thread, plain host memory, one kernel.
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "backends/error.h"

namespace membound::host {
namespace {

using KernelFunction = void (*)(const Args&);

void empty(const Args& args) { ++*static_cast<int64_t*>(args.buffer[0].data); }

int32_t device_count(const char** why_none) {
  *why_none = "";
  return 1;
}

void device_info(int32_t, DeviceInfo* out, Status*) {
  *out = DeviceInfo{};
  std::strcpy(out->id, "host:0");
  std::strcpy(out->name, "One thread of the host");
  std::strcpy(out->architecture, "plain");
  std::strcpy(out->details, "{}");
  out->compute_units = 1;
  out->unit_threads = 1;
  out->memory_domains = 1;
  out->memory_bytes = out->memory_free_bytes = int64_t{1} << 30;
  out->timer_tick_seconds = 1e-7;
}

void* alloc(int32_t, int64_t bytes, MemoryKind, int32_t, Status* status) {
  void* data = std::calloc(1, bytes);
  guard(status, [&] { MEMBOUND_CHECK(data != nullptr, "out of memory"); });
  return data;
}

void release(int32_t, void* data) { std::free(data); }

void copy(int32_t, void* target, const void* source, int64_t bytes, Status*) {
  std::memcpy(target, source, bytes);
}

const void* find_kernel(const char* name) {
  return std::strcmp(name, "empty") == 0 ? reinterpret_cast<const void*>(&empty) : nullptr;
}

const char* kernel_name(int32_t index) { return index == 0 ? "empty" : nullptr; }

// Launches run one after another, so that every dependency is kept.
void run_once(const Program& program, int64_t set) {
  for (int64_t i = 0; i < program.count; ++i) {
    const Launch& launch = program.launches[i];
    reinterpret_cast<KernelFunction>(const_cast<void*>(launch.kernel))(resolve(launch.args, set));
  }
}

void measure(const Placed* placed, int32_t count, const Plan* plan, Measurement* out,
             Status* status) {
  guard(status, [&] {
    MEMBOUND_CHECK(count == 1, "one program at a time");
    for (out->samples = 0; out->samples < plan->samples; ++out->samples) {
      const auto start = std::chrono::steady_clock::now();
      for (int64_t run = 0; run < plan->runs; ++run) {
        run_once(*placed->program, (plan->first_set + run) % plan->rotation);
      }
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      out->seconds[out->samples] = taken.count();
      out->telemetry[out->samples] = {NAN, NAN, NAN, 0, kNoThrottle};
    }
  });
}

constexpr BackendApi kApi = {
    kAbi,        "host",      device_count, device_info,          alloc, release, copy,
    find_kernel, kernel_name, measure,      R"({"plain": "run"})"};

}  // namespace
}  // namespace membound::host

MEMBOUND_EXPORT const membound::BackendApi* membound_backend() { return &membound::host::kApi; }

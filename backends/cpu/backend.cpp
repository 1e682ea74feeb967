// SPDX-License-Identifier: Apache-2.0
// The CPU backend: one device, cpu:0, all allowed cores with their memory.
#include <cmath>
#include <cstdio>
#include <cstring>

#include "backends/cpu/host.h"
#include "backends/cpu/isa.h"
#include "backends/cpu/kernel.h"
#include "backends/cpu/memory.h"
#include "backends/cpu/steal.h"
#include "backends/cpu/team.h"
#include "backends/cpu/topology.h"
#include "backends/cpu/traffic.h"
#include "backends/error.h"

namespace membound::cpu {
namespace {

int32_t device_count(const char** why_none) {
  *why_none = "";
  return 1;
}

void device_info(int32_t, DeviceInfo* out, Status* status) {
  guard(status, [&] {
    describe(out);
    std::snprintf(out->id, sizeof out->id, "cpu:0");
  });
}

void* alloc(int32_t, int64_t bytes, MemoryKind kind, int32_t domain, Status* status) {
  void* data = nullptr;
  guard(status, [&] { data = allocate(bytes, kind == kSmallPages, domain); });
  return data;
}

void release_memory(int32_t, void* data) { release(data); }

void copy(int32_t, void* target, const void* source, int64_t bytes, Status*) {
  std::memcpy(target, source, bytes);
}

const void* find_kernel(const char* name) {
  for (const auto& kernel : kernels()) {
    if (std::strcmp(kernel.name, name) == 0) return &kernel;
  }
  return nullptr;
}

const char* kernel_name(int32_t index) {
  return index < static_cast<int32_t>(kernels().size()) ? kernels()[index].name : nullptr;
}

void measure(const Placed* placed, int32_t count, const Plan* plan, Measurement* out,
             Status* status) {
  guard(status, [&] {
    MEMBOUND_CHECK(count == 1, "the CPU backend runs one program at a time");
    const int32_t all = core_count(plan->domain);
    MEMBOUND_CHECK(all > 0, "no core belongs to this memory domain");
    const int32_t threads = plan->compute_units > 0 ? std::min(plan->compute_units, all) : all;
    for (out->samples = 0; out->samples < plan->samples; ++out->samples) {
      const int32_t i = out->samples;
      const int64_t first_set = (plan->first_set + i * plan->runs) % plan->rotation;
      const StealMeter meter(threads);
      const double counted = TrafficCounters::instance().bytes();
      out->seconds[i] = interpret(*placed[0].program, *plan, first_set, threads, out->stamps,
                                  out->stamp_capacity);
      out->telemetry[i] = {NAN,         NAN,
                           NAN,         meter.fraction(out->seconds[i]),
                           kNoThrottle, TrafficCounters::instance().bytes() - counted};
    }
  });
}

BackendApi make_api() {
  return {
      .abi = kAbi,
      .name = "cpu",
      .device_count = device_count,
      .device_info = device_info,
      .alloc = alloc,
      .release = release_memory,
      .copy = copy,
      .find_kernel = find_kernel,
      .kernel_name = kernel_name,
      .measure = measure,
      .architectures = architectures(),
  };
}

}  // namespace
}  // namespace membound::cpu

MEMBOUND_EXPORT const membound::BackendApi* membound_backend() {
  static const membound::BackendApi api = [] {
    membound::cpu::choose_target();
    return membound::cpu::make_api();
  }();
  return &api;
}

// SPDX-License-Identifier: Apache-2.0
// The table of a GPU backend: devices, their memory and the kernels of the module.
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "backends/gpu/check.h"
#include "backends/gpu/measure.h"
#include "backends/gpu/monitor.h"
#include "backends/gpu/registry.h"
#include "backends/gpu/sysfs.h"

namespace membound::gpu {
namespace {

using nlohmann::json;

// Host memory among what alloc() gave out; it is released by another call.
std::set<void*>& pinned() {
  static std::set<void*> all;
  return all;
}

int32_t device_count(const char** why_none) {
  static std::string why;
  prepare_runtime();
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  (void)cudaGetLastError();
  if (error != cudaSuccess) count = 0;
  why = count > 0 ? "" : why_no_device(error == cudaSuccess ? cudaErrorNoDevice : error);
  *why_none = why.c_str();
  return count;
}

int attribute(cudaDeviceAttr which, int32_t device) {
  int value = 0;
  // Drivers leave out what doesn't apply to a device.
  if (cudaDeviceGetAttribute(&value, which, device) != cudaSuccess) (void)cudaGetLastError();
  return value;
}

json details_of(int32_t device, int64_t memory_cache) {
  int runtime = 0;
  int driver = 0;
  GPU_CHECK(cudaRuntimeGetVersion(&runtime));
  GPU_CHECK(cudaDriverGetVersion(&driver));
  const std::string pci_bus_id = pci_bus_id_of(device);
  const double memory_hz = attribute(cudaDevAttrMemoryClockRate, device) * 1e3;
  const double bus_bytes = attribute(cudaDevAttrGlobalMemoryBusWidth, device) / 8.0;
  json queried = {
      {"source", "device attributes of the runtime"},
      {"clock_hz", attribute(cudaDevAttrClockRate, device) * 1e3},
      {"memory_clock_hz", memory_hz},
      {"memory_bus_bits", bus_bytes * 8},
      // Two transfers a clock, for HBM and GDDR as this attribute counts clocks.
      {"bandwidth_GBps", memory_hz > 0 ? json(2 * memory_hz * bus_bytes * 1e-9) : json()},
      {"warp_size", attribute(cudaDevAttrWarpSize, device)},
      {"threads_per_unit", attribute(cudaDevAttrMaxThreadsPerMultiProcessor, device)},
      {"shared_bytes_per_unit", attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor, device)},
      {"ecc", attribute(cudaDevAttrEccEnabled, device) != 0},
  };
  return {{"pci_bus_id", pci_bus_id},
          {"pci", pci_details(pci_bus_id)},
          {"runtime_version", runtime},
          {"driver_version", driver},
          {"memory_cache_bytes", memory_cache},
          {"queried", std::move(queried)},
          {"monitor", monitor_details(pci_bus_id)}};
}

template <size_t kSize>
void write_text(char (&target)[kSize], const std::string& text) {
  MEMBOUND_CHECK(text.size() < kSize, "text about the device doesn't fit");
  std::memcpy(target, text.c_str(), text.size() + 1);
}

void device_info(int32_t device, DeviceInfo* out, Status* status) {
  guard(status, [&] {
    cudaDeviceProp properties;
    size_t free_bytes = 0;
    size_t all_bytes = 0;
    GPU_CHECK(properties_of(device, &properties));
    GPU_CHECK(cudaSetDevice(device));
    GPU_CHECK(cudaMemGetInfo(&free_bytes, &all_bytes));
    *out = {};
    out->emulated = kEmulated;
    write_text(out->id, std::string(kVendor) + ":" + std::to_string(device));
    write_text(out->name, properties.name);
    write_text(out->architecture, architecture(properties));
    const int64_t memory_cache = memory_cache_bytes(pci_bus_id_of(device), out->architecture);
    write_text(out->details, details_of(device, memory_cache).dump());
    out->compute_units = properties.multiProcessorCount;
    out->unit_threads = attribute(cudaDevAttrMaxThreadsPerMultiProcessor, device);
    out->memory_domains = 1;
    // A stream must outgrow both to come from memory.
    out->llc_bytes = properties.l2CacheSize + memory_cache;
    out->memory_bytes = static_cast<int64_t>(all_bytes);
    out->memory_free_bytes = static_cast<int64_t>(free_bytes);
    out->timer_tick_seconds = kEventTickSeconds;
  });
}

void* alloc(int32_t device, int64_t bytes, MemoryKind kind, int32_t domain, Status* status) {
  void* data = nullptr;
  guard(status, [&] {
    if (domain != -1) throw Error("a GPU's memory has no domains to choose from", kUnsupported);
    GPU_CHECK(cudaSetDevice(device));
    if (kind == kPinnedHostMemory) {
      GPU_CHECK(cudaHostAlloc(&data, bytes, cudaHostAllocDefault));
      pinned().insert(data);
    } else {
      GPU_CHECK(cudaMalloc(&data, bytes));
      GPU_CHECK(cudaMemset(data, 0, bytes));
    }
  });
  return data;
}

void release(int32_t device, void* data) {
  (void)cudaSetDevice(device);
  (void)(pinned().erase(data) > 0 ? cudaFreeHost(data) : cudaFree(data));
}

void copy(int32_t device, void* target, const void* source, int64_t bytes, Status* status) {
  guard(status, [&] {
    GPU_CHECK(cudaSetDevice(device));
    GPU_CHECK(cudaMemcpy(target, source, bytes, cudaMemcpyDefault));
    // The call may return before the data have arrived, and our streams don't wait for it.
    GPU_CHECK(cudaDeviceSynchronize());
  });
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

// MEMBOUND_GPU_ARCHITECTURES comes from the build: names between commas.
const char* architectures() {
  static const std::string text = [] {
    json object = json::object();
    std::istringstream names(MEMBOUND_GPU_ARCHITECTURES);
    for (std::string name; std::getline(names, name, ',');) {
      object[name] = kEmulated ? "emulated" : "compiled";
    }
    return object.dump();
  }();
  return text.c_str();
}

BackendApi make_api() {
  return {
      .abi = kAbi,
      .name = kVendor,
      .device_count = device_count,
      .device_info = device_info,
      .alloc = alloc,
      .release = release,
      .copy = copy,
      .find_kernel = find_kernel,
      .kernel_name = kernel_name,
      .measure =
          [](const Placed* placed, int32_t count, const Plan* plan, Measurement* out,
             Status* status) {
            guard(status, [&] { measure({placed, static_cast<size_t>(count)}, *plan, out); });
          },
      .architectures = architectures(),
  };
}

}  // namespace

std::string pci_bus_id_of(int32_t device) {
  char text[32] = "";
  GPU_CHECK(cudaDeviceGetPCIBusId(text, sizeof text, device));
  return text;
}

Site site_of(int32_t device) {
  return {.stream = nullptr,
          .compute_units = attribute(cudaDevAttrMultiProcessorCount, device),
          .threads_per_unit = attribute(cudaDevAttrMaxThreadsPerMultiProcessor, device),
          .warp_size = attribute(cudaDevAttrWarpSize, device),
          .overlaps = launches_overlap(device)};
}

}  // namespace membound::gpu

MEMBOUND_EXPORT const membound::BackendApi* membound_backend() {
  static const membound::BackendApi api = membound::gpu::make_api();
  return &api;
}

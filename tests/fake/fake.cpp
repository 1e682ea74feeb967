// SPDX-License-Identifier: Apache-2.0
// A scripted backend. Results are real: it hands programs to the CPU backend. Times are not: they
// follow from the script and from the bytes of each launch, so that a test knows what the harness
// must find. Two devices; programs placed on one device share its bandwidth (a co-runner).
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "backends/error.h"
#include "tests/fake/script.h"

namespace membound::fake {
namespace {

const Script& script() {
  static const Script read = read_script();
  return read;
}

const BackendApi& cpu() {
  static const BackendApi* api = [] {
    void* module = dlopen(MEMBOUND_CPU_MODULE, RTLD_NOW | RTLD_LOCAL);
    MEMBOUND_CHECK(module != nullptr, dlerror());
    return reinterpret_cast<MemboundBackendFunction>(dlsym(module, "membound_backend"))();
  }();
  return *api;
}

int32_t device_count(const char** why_none) {
  *why_none = script().devices == 0 ? "the script has no devices" : "";
  return static_cast<int32_t>(script().devices);
}

void device_info(int32_t device, DeviceInfo* out, Status* status) {
  guard(status, [&] {
    MEMBOUND_CHECK(device < script().devices, "no such device");
    *out = DeviceInfo{};
    std::snprintf(out->id, sizeof out->id, "fake:%d", device);
    std::snprintf(out->name, sizeof out->name, "Scripted device");
    std::snprintf(out->architecture, sizeof out->architecture, "script");
    std::snprintf(out->details, sizeof out->details, "{}");
    out->emulated = 1;
    out->compute_units = 2;
    out->unit_threads = 1;
    out->fetches_stores = 1;
    out->memory_domains = 1;
    out->llc_bytes = 1 << 20;
    out->memory_bytes = script().memory;
    out->memory_free_bytes = script().memory;
    out->timer_tick_seconds = 1e-9;
  });
}

void* alloc(int32_t, int64_t bytes, MemoryKind kind, int32_t domain, Status* status) {
  if (bytes > script().memory) {
    guard(status, [&] { throw Error("the script has less memory", kOutOfMemory); });
    return nullptr;
  }
  return cpu().alloc(0, bytes, kind, domain, status);
}

void release(int32_t, void* data) { cpu().release(0, data); }

void copy(int32_t, void* target, const void* source, int64_t bytes, Status* status) {
  cpu().copy(0, target, source, bytes, status);
}

const void* find_kernel(const char* name) { return cpu().find_kernel(name); }
const char* kernel_name(int32_t index) { return cpu().kernel_name(index); }

// Streams, and the elements that each moves for one result.
constexpr std::pair<const char*, double> kStreams[] = {
    {"write", 1}, {"copy", 2}, {"scale", 2}, {"update", 2}, {"dot", 2}, {"add", 3}, {"triad", 3}};

// Bytes that a launch moves, told from its kernel's name; 0 for those that stay in caches.
double launch_bytes(const Launch& launch) {
  const auto is = [&](const char* name) {
    return launch.kernel != nullptr && launch.kernel == find_kernel(name);
  };
  const auto& n = launch.args.n;
  if (is("read/f32") || is("saturation/f32")) return static_cast<double>(n[0]);
  if (is("chase")) return 64.0 * static_cast<double>(n[1]);
  for (const auto& [name, elements] : kStreams) {
    for (const auto& [type, bytes] : {std::pair{"/f32", 4.0}, std::pair{"/f64", 8.0}}) {
      const std::string kernel = std::string(name) + type;
      if (!is(kernel.c_str()) && !is((kernel + "/nt").c_str())) continue;
      return elements * bytes * static_cast<double>(n[0]);
    }
  }
  if (is("gemv/bf16") || is("gemm/bf16")) return 2.0 * static_cast<double>(n[1] * n[2]);
  if (is("gemv/f32") || is("gemm/f32")) return 4.0 * static_cast<double>(n[1] * n[2]);
  return 0;
}

double program_seconds(const Program& program, double sharers) {
  double seconds = 0;
  for (int64_t i = 0; i < program.count; ++i) {
    seconds += script().launch + sharers * launch_bytes(program.launches[i]) / script().bandwidth;
  }
  return seconds;
}

// All runs where somebody may count them, else one: results don't change with more.
void compute(const Program& program, const Plan& plan) {
  constexpr int64_t kCounted = 1000;
  Plan once = plan;
  once.runs = plan.runs <= kCounted ? plan.runs : 1;
  once.samples = 1;
  double seconds = 0;
  Telemetry telemetry{};
  Measurement out{.seconds = &seconds, .telemetry = &telemetry};
  const Placed placed{.device = 0, .program = &program, .stream = 0};
  Status status;
  cpu().measure(&placed, 1, &once, &out, &status);
  MEMBOUND_CHECK(status.code == kOk, status.message);
  if (script().wrong != 0) {
    for (const auto& operand : program.launches[0].args.buffer) {
      if (operand.data != nullptr) *static_cast<char*>(operand.data) ^= 0x41;
    }
  }
}

double slowest_seconds(const Placed* placed, int32_t count) {
  double slowest = 0;
  for (int32_t i = 0; i < count; ++i) {
    const auto sharers = std::count_if(placed, placed + count, [&](const Placed& other) {
      return other.device == placed[i].device;
    });
    slowest = std::max(slowest, program_seconds(*placed[i].program, static_cast<double>(sharers)));
  }
  return slowest;
}

void measure(const Placed* placed, int32_t count, const Plan* plan, Measurement* out,
             Status* status) {
  static std::mt19937 random(1);
  static int64_t taken = 0;
  guard(status, [&] {
    for (int32_t i = 0; i < count; ++i) compute(*placed[i].program, *plan);
    const double seconds = slowest_seconds(placed, count) * static_cast<double>(plan->runs);
    for (out->samples = 0; out->samples < plan->samples; ++out->samples) {
      const int64_t sample = taken++;
      if (sample == script().hang_at) pause();
      MEMBOUND_CHECK(sample != script().fail_at, "the script fails here");
      const bool throttled = script().throttle_from >= 0 && sample >= script().throttle_from;
      const double noise = std::normal_distribution<double>(0, script().noise)(random);
      const double drift = script().drift * static_cast<double>(sample);
      out->seconds[out->samples] =
          seconds * std::max(0.1, 1 + noise) * (1 + drift) * (throttled ? 2 : 1);
      out->telemetry[out->samples] = {1e9, 100, 50, 0, throttled ? kThermal : kNoThrottle};
    }
  });
}

constexpr BackendApi kApi = {.abi = kAbi,
                             .name = "fake",
                             .device_count = device_count,
                             .device_info = device_info,
                             .alloc = alloc,
                             .release = release,
                             .copy = copy,
                             .find_kernel = find_kernel,
                             .kernel_name = kernel_name,
                             .measure = measure,
                             .architectures = R"({"script": "emulated"})"};

}  // namespace
}  // namespace membound::fake

MEMBOUND_EXPORT const membound::BackendApi* membound_backend() { return &membound::fake::kApi; }

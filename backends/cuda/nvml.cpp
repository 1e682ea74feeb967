// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/nvml.h"

#include <limits>

#include "backends/gpu/monitor.h"

namespace membound::cuda {
namespace {

using nlohmann::json;

// Constants of NVML's interface, which is stable.
constexpr unsigned kClockSm = 1;
constexpr unsigned kClockMemory = 2;
constexpr unsigned kTemperatureGpu = 0;

struct Reason {
  unsigned long long bit;
  const char* name;
  uint32_t throttle;
};
constexpr Reason kReasons[] = {
    {0x1, "idle", kNoThrottle},
    {0x2, "clocks set by an application", kNoThrottle},
    {0x4, "power cap", kPower},
    {0x8, "hardware slowdown", kOtherThrottle},
    {0x10, "boost kept in step with others", kOtherThrottle},
    {0x20, "thermal slowdown by software", kThermal},
    {0x40, "thermal slowdown by hardware", kThermal},
    {0x80, "power brake", kPower},
    {0x100, "clocks set for a display", kNoThrottle},
};

bool absent(const json& value) { return value.is_object() && value.contains("absent"); }

double number(const json& value, double unit) {
  return value.is_number() ? value.get<double>() * unit : std::numeric_limits<double>::quiet_NaN();
}

json scaled(const json& value, double unit) {
  return absent(value) ? value : json(value.get<double>() * unit);
}

json on_off(const json& value) { return absent(value) ? value : json(value != 0); }

}  // namespace

uint32_t throttle_of(unsigned long long reasons) {
  uint32_t flags = kNoThrottle;
  for (const auto& reason : kReasons) {
    if ((reasons & reason.bit) != 0) flags |= reason.throttle;
  }
  return flags;
}

json throttle_names(unsigned long long reasons) {
  json names = json::array();
  for (const auto& reason : kReasons) {
    if ((reasons & reason.bit) != 0) names.push_back(reason.name);
  }
  return names;
}

Nvml::Nvml(const std::string& library) : library_(library), reason_(library_.reason()) {
  if (!reason_.empty()) return;
  auto* const init = library_.function<Result()>("nvmlInit_v2");
  if (init == nullptr) {
    reason_ = library + " has no nvmlInit_v2";
  } else if (const Result result = init(); result != 0) {
    reason_ = "nvmlInit_v2: " + message(result);
  }
}

std::string Nvml::message(Result result) const {
  auto* const text = library_.function<const char*(Result)>("nvmlErrorString");
  const char* const message = text == nullptr ? nullptr : text(result);
  return message == nullptr ? "error " + std::to_string(result) : message;
}

const Nvml::Asked& Nvml::device(const std::string& pci_bus_id) {
  const std::lock_guard lock(mutex_);
  const auto [found, fresh] = devices_.try_emplace(pci_bus_id);
  Asked& asked = found->second;
  if (!fresh) return asked;
  asked.reason = reason_;
  if (!asked.reason.empty()) return asked;
  auto* const handle =
      library_.function<Result(const char*, Device*)>("nvmlDeviceGetHandleByPciBusId_v2");
  if (handle == nullptr) {
    asked.reason = "no nvmlDeviceGetHandleByPciBusId_v2";
  } else if (const Result result = handle(pci_bus_id.c_str(), &asked.device); result != 0) {
    asked.reason = "nvmlDeviceGetHandleByPciBusId_v2(" + pci_bus_id + "): " + message(result);
  }
  return asked;
}

template <typename T, typename... Given>
json Nvml::ask(const char* name, Device device, Given... given) const {
  auto* const function = library_.function<Result(Device, Given..., T*)>(name);
  if (function == nullptr) return {{"absent", std::string("this NVML has no ") + name}};
  T value{};
  const Result result = function(device, given..., &value);
  if (result != 0) return {{"absent", name + (": " + message(result))}};
  return value;
}

// Renamed in later versions, which still have the older name; one day they may not.
json Nvml::throttle_reasons(Device device) const {
  const json reasons = ask<unsigned long long>("nvmlDeviceGetCurrentClocksThrottleReasons", device);
  if (!absent(reasons)) return reasons;
  return ask<unsigned long long>("nvmlDeviceGetCurrentClocksEventReasons", device);
}

json Nvml::details(const std::string& pci_bus_id) {
  const Asked& asked = device(pci_bus_id);
  if (!asked.reason.empty()) return {{"source", "NVML"}, {"absent", asked.reason}};
  const Device d = asked.device;
  // These two write what is now and what will be after a restart.
  const auto now_of = [&](const char* name) -> json {
    auto* const function = library_.function<Result(Device, unsigned*, unsigned*)>(name);
    if (function == nullptr) return {{"absent", std::string("this NVML has no ") + name}};
    unsigned now = 0, later = 0;
    const Result result = function(d, &now, &later);
    if (result != 0) return {{"absent", name + (": " + message(result))}};
    return now;
  };
  const json reasons = throttle_reasons(d);
  return {
      {"source", "NVML"},
      {"sm_clock_most_hz", scaled(ask<unsigned>("nvmlDeviceGetMaxClockInfo", d, kClockSm), 1e6)},
      {"memory_clock_hz", scaled(ask<unsigned>("nvmlDeviceGetClockInfo", d, kClockMemory), 1e6)},
      {"memory_clock_most_hz",
       scaled(ask<unsigned>("nvmlDeviceGetMaxClockInfo", d, kClockMemory), 1e6)},
      {"memory_bus_bits", ask<unsigned>("nvmlDeviceGetMemoryBusWidth", d)},
      {"power_limit_watts", scaled(ask<unsigned>("nvmlDeviceGetEnforcedPowerLimit", d), 1e-3)},
      {"ecc", on_off(now_of("nvmlDeviceGetEccMode"))},
      {"mig", on_off(now_of("nvmlDeviceGetMigMode"))},
      {"persistence", on_off(ask<unsigned>("nvmlDeviceGetPersistenceMode", d))},
      {"throttle_reasons", absent(reasons) ? reasons : throttle_names(reasons)},
  };
}

Telemetry Nvml::telemetry(const std::string& pci_bus_id) {
  Telemetry state = gpu::no_telemetry();
  const Asked& asked = device(pci_bus_id);
  if (!asked.reason.empty()) return state;
  const Device d = asked.device;
  state.clock_hz = number(ask<unsigned>("nvmlDeviceGetClockInfo", d, kClockSm), 1e6);
  state.power_watts = number(ask<unsigned>("nvmlDeviceGetPowerUsage", d), 1e-3);
  state.temperature_celsius =
      number(ask<unsigned>("nvmlDeviceGetTemperature", d, kTemperatureGpu), 1);
  const json reasons = throttle_reasons(d);
  if (!absent(reasons)) state.throttle = throttle_of(reasons);
  return state;
}

}  // namespace membound::cuda

// SPDX-License-Identifier: Apache-2.0
#include "backends/rocm/rocm_smi.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "backends/gpu/monitor.h"
#include "backends/gpu/sysfs.h"

namespace membound::rocm {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Constants of the library's interface.
constexpr uint32_t kFirstSensor = 0;
constexpr uint32_t kJunction = 1;  // the hottest spot, which limits
constexpr int kCurrent = 0;

bool absent(const json& value) { return value.is_object() && value.contains("absent"); }

double number(const json& value, double unit) {
  return value.is_number() ? value.get<double>() * unit : std::numeric_limits<double>::quiet_NaN();
}

json scaled(const json& value, double unit) {
  return absent(value) ? value : json(value.get<double>() * unit);
}

// As rsmi_dev_pci_id_get writes it: domain, bus, device and function in one number; newer versions
// add the partition above the function, in bits 28 to 31.
std::optional<uint64_t> packed(const std::string& pci_bus_id) {
  unsigned domain = 0, bus = 0, device = 0, function = 0;
  if (std::sscanf(pci_bus_id.c_str(), "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4) {
    return std::nullopt;
  }
  return uint64_t{domain} << 32 | bus << 8 | device << 3 | function;
}
constexpr uint64_t kPartitionBits = uint64_t{0xf} << 28;

// Lines such as "1: 1300Mhz *".
template <typename Wanted>
std::optional<double> clock_hz(const std::string& path, Wanted wanted) {
  std::ifstream file(path);
  std::optional<double> found;
  for (std::string line; std::getline(file, line);) {
    unsigned index = 0;
    double megahertz = 0;
    if (std::sscanf(line.c_str(), "%u: %lfMhz", &index, &megahertz) != 2) continue;
    if (wanted(line, found, megahertz * 1e6)) found = megahertz * 1e6;
  }
  return found;
}

json or_null(const std::optional<double>& value) { return value ? json(*value) : json(); }

}  // namespace

std::optional<double> clock_now_hz(const std::string& path) {
  return clock_hz(path, [](const std::string& line, const auto&, double) {
    return line.find('*') != std::string::npos;
  });
}

std::optional<double> clock_most_hz(const std::string& path) {
  return clock_hz(
      path, [](const std::string&, const auto& most, double hz) { return !most || hz > *most; });
}

RocmSmi::RocmSmi(const std::string& library, std::string root)
    : library_(library), root_(std::move(root)), reason_(library_.reason()) {
  if (!reason_.empty()) return;
  auto* const init = library_.function<int(uint64_t)>("rsmi_init");
  if (init == nullptr) {
    reason_ = library + " has no rsmi_init";
  } else if (const int status = init(0); status != 0) {
    reason_ = "rsmi_init: " + message(status);
  }
}

std::string RocmSmi::message(int status) const {
  auto* const text = library_.function<int(int, const char**)>("rsmi_status_string");
  const char* message = nullptr;
  if (text == nullptr || text(status, &message) != 0 || message == nullptr) {
    return "error " + std::to_string(status);
  }
  return message;
}

const RocmSmi::Asked& RocmSmi::device(const std::string& pci_bus_id) {
  const std::lock_guard lock(mutex_);
  const auto [found, fresh] = devices_.try_emplace(pci_bus_id);
  Asked& asked = found->second;
  if (!fresh) return asked;
  asked.reason = reason_;
  if (!asked.reason.empty()) return asked;
  asked.reason = "rocm-smi shows no device at " + pci_bus_id;
  auto* const count_of = library_.function<int(uint32_t*)>("rsmi_num_monitor_devices");
  auto* const id_of = library_.function<int(uint32_t, uint64_t*)>("rsmi_dev_pci_id_get");
  const auto wanted = packed(pci_bus_id);
  uint32_t count = 0;
  if (count_of == nullptr || id_of == nullptr || !wanted || count_of(&count) != 0) return asked;
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t id = 0;
    if (id_of(i, &id) != 0 || (id & ~kPartitionBits) != *wanted) continue;
    asked = {.index = i, .reason = ""};
    break;
  }
  return asked;
}

template <typename T, typename... Given>
json RocmSmi::ask(const char* name, const Asked& asked, Given... given) const {
  if (!asked.reason.empty()) return {{"absent", asked.reason}};
  auto* const function = library_.function<int(uint32_t, Given..., T*)>(name);
  if (function == nullptr) return {{"absent", std::string("this rocm-smi has no ") + name}};
  T value{};
  const int status = function(asked.index, given..., &value);
  if (status != 0) return {{"absent", name + (": " + message(status))}};
  return value;
}

json RocmSmi::text(const char* name, const Asked& asked) const {
  if (!asked.reason.empty()) return {{"absent", asked.reason}};
  auto* const function = library_.function<int(uint32_t, char*, uint32_t)>(name);
  if (function == nullptr) return {{"absent", std::string("this rocm-smi has no ") + name}};
  char value[64] = "";
  const int status = function(asked.index, value, sizeof value - 1);
  if (status != 0) return {{"absent", name + (": " + message(status))}};
  return value;
}

json RocmSmi::details(const std::string& pci_bus_id) {
  const Asked& asked = device(pci_bus_id);
  const std::string folder = gpu::pci_folder(pci_bus_id, root_);
  return {
      {"source", "rocm-smi; clocks from " + folder},
      {"sm_clock_most_hz", or_null(clock_most_hz(folder + "/pp_dpm_sclk"))},
      {"memory_clock_hz", or_null(clock_now_hz(folder + "/pp_dpm_mclk"))},
      {"memory_clock_most_hz", or_null(clock_most_hz(folder + "/pp_dpm_mclk"))},
      {"power_limit_watts",
       scaled(ask<uint64_t>("rsmi_dev_power_cap_get", asked, kFirstSensor), 1e-6)},
      {"memory_partition", text("rsmi_dev_memory_partition_get", asked)},
      {"compute_partition", text("rsmi_dev_compute_partition_get", asked)},
      {"throttle_reasons", {{"absent", "the driver's layout for them differs between versions"}}},
  };
}

Telemetry RocmSmi::telemetry(const std::string& pci_bus_id) {
  const Asked& asked = device(pci_bus_id);
  Telemetry state = gpu::no_telemetry();
  if (const auto hz = clock_now_hz(gpu::pci_folder(pci_bus_id, root_) + "/pp_dpm_sclk")) {
    state.clock_hz = *hz;
  }
  state.power_watts = number(ask<uint64_t>("rsmi_dev_power_ave_get", asked, kFirstSensor), 1e-6);
  // Later parts have only this one, with a kind of power behind it.
  if (state.power_watts != state.power_watts && asked.reason.empty()) {
    auto* const power = library_.function<int(uint32_t, uint64_t*, int*)>("rsmi_dev_power_get");
    uint64_t microwatts = 0;
    int kind = 0;
    if (power != nullptr && power(asked.index, &microwatts, &kind) == 0) {
      state.power_watts = static_cast<double>(microwatts) * 1e-6;
    }
  }
  state.temperature_celsius =
      number(ask<int64_t>("rsmi_dev_temp_metric_get", asked, kJunction, kCurrent), 1e-3);
  return state;
}

int64_t RocmSmi::infinity_cache_bytes(const std::string& pci_bus_id) const {
  const auto wanted = packed(pci_bus_id);
  if (!wanted) return 0;
  // A node of the driver's topology is a device by the lower part of that number and its domain.
  const auto value = [](const fs::path& file, const std::string& key) -> std::optional<uint64_t> {
    std::ifstream lines(file);
    std::string name;
    for (uint64_t number = 0; lines >> name >> number;) {
      if (name == key) return number;
    }
    return std::nullopt;
  };
  std::error_code error;
  for (const auto& node : fs::directory_iterator(root_ + "/class/kfd/kfd/topology/nodes", error)) {
    const fs::path properties = node.path() / "properties";
    if (value(properties, "location_id") != (*wanted & 0xffffffffu) ||
        value(properties, "domain").value_or(0) != *wanted >> 32) {
      continue;
    }
    uint64_t bytes = 0;
    for (const auto& cache : fs::directory_iterator(node.path() / "caches", error)) {
      const fs::path file = cache.path() / "properties";
      if (value(file, "level") == 3u) bytes += value(file, "size").value_or(0) << 10;
    }
    return static_cast<int64_t>(bytes);
  }
  return 0;
}

}  // namespace membound::rocm

// SPDX-License-Identifier: Apache-2.0
// AMD's management library, opened at run time, and the driver's files in /sys; no header of either
// need be here. Clocks are read from the files: the library's structure for them has changed.
#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "backends/gpu/library.h"

namespace membound::rocm {

class RocmSmi {
 public:
  explicit RocmSmi(const std::string& library = "librocm_smi64.so", std::string root = "/sys");

  const std::string& reason() const { return reason_; }
  nlohmann::json details(const std::string& pci_bus_id);
  // NaN where neither answers. Throttling is not seen: its layout differs between drivers.
  Telemetry telemetry(const std::string& pci_bus_id);
  // Of level 3, all together; 0 where the driver names none.
  int64_t infinity_cache_bytes(const std::string& pci_bus_id) const;

 private:
  struct Asked {
    uint32_t index = 0;
    std::string reason;
  };
  const Asked& device(const std::string& pci_bus_id);
  std::string message(int status) const;
  template <typename T, typename... Given>
  nlohmann::json ask(const char* name, const Asked& asked, Given... given) const;
  nlohmann::json text(const char* name, const Asked& asked) const;

  gpu::Library library_;
  const std::string root_;
  std::string reason_;
  std::mutex mutex_;
  std::map<std::string, Asked> devices_;
};

// The frequency that pp_dpm_sclk or pp_dpm_mclk marks as the present one, and its highest.
std::optional<double> clock_now_hz(const std::string& path);
std::optional<double> clock_most_hz(const std::string& path);

}  // namespace membound::rocm

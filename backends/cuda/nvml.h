// SPDX-License-Identifier: Apache-2.0
// NVIDIA's management library, opened at run time; its header need not be here.
#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "backends/backend.h"
#include "backends/gpu/library.h"

namespace membound::cuda {

class Nvml {
 public:
  explicit Nvml(const std::string& library = "libnvidia-ml.so.1");

  // Why nothing can be asked; empty where it can.
  const std::string& reason() const { return reason_; }
  nlohmann::json details(const std::string& pci_bus_id);
  // NaN where NVML does not answer.
  Telemetry telemetry(const std::string& pci_bus_id);

 private:
  using Device = void*;
  using Result = int;

  struct Asked {
    Device device = nullptr;
    std::string reason;
  };
  const Asked& device(const std::string& pci_bus_id);
  std::string message(Result result) const;
  // The value that `name(device, given..., &value)` writes, or {"absent": why}.
  template <typename T, typename... Given>
  nlohmann::json ask(const char* name, Device device, Given... given) const;

  nlohmann::json throttle_reasons(Device device) const;

  gpu::Library library_;
  std::string reason_;
  std::mutex mutex_;
  std::map<std::string, Asked> devices_;
};

// As of NVML's nvmlClocksThrottleReasons (nvmlClocksEventReasons in later versions).
uint32_t throttle_of(unsigned long long reasons);
nlohmann::json throttle_names(unsigned long long reasons);

}  // namespace membound::cuda

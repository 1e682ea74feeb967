// SPDX-License-Identifier: Apache-2.0
// What the vendor's management library and the system know of a device beside its runtime. Each
// vendor's folder defines these; nothing here throws, what can't be had says why.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "backends/backend.h"

namespace membound::gpu {

// For the device's details: clocks, power, ECC, partitions, each with its source or the reason for
// its absence. `pci_bus_id` as the runtime writes it: "0000:3b:00.0".
nlohmann::json monitor_details(const std::string& pci_bus_id);

// State of the device at this moment; NaN where it can't be had.
Telemetry telemetry_now(const std::string& pci_bus_id);

// Caches behind L2 (AMD's Infinity Cache), from the system; 0 where there are none or it is silent.
int64_t memory_cache_bytes(const std::string& pci_bus_id, const std::string& architecture);

inline Telemetry no_telemetry() {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  return {kUnknown, kUnknown, kUnknown, kUnknown, kNoThrottle};
}

}  // namespace membound::gpu

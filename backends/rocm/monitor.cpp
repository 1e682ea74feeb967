// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu/monitor.h"

#include "backends/rocm/rocm_smi.h"

namespace membound::gpu {
namespace {

rocm::RocmSmi& smi() {
  static auto* const smi = new rocm::RocmSmi;  // never destroyed: threads may ask to the end
  return *smi;
}

}  // namespace

nlohmann::json monitor_details(const std::string& pci_bus_id) { return smi().details(pci_bus_id); }

Telemetry telemetry_now(const std::string& pci_bus_id) { return smi().telemetry(pci_bus_id); }

// Drivers before Linux 6.6 leave level 3 out; these architectures have 256 MiB of it.
int64_t memory_cache_bytes(const std::string& pci_bus_id, const std::string& architecture) {
  const int64_t named = smi().infinity_cache_bytes(pci_bus_id);
  const bool has_one = architecture == "gfx942" || architecture == "gfx950";
  return named == 0 && has_one ? int64_t{256} << 20 : named;
}

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu/monitor.h"

namespace membound::gpu {

nlohmann::json monitor_details(const std::string&) {
  return {{"absent", "the device is emulated"}};
}

Telemetry telemetry_now(const std::string&) { return no_telemetry(); }

int64_t memory_cache_bytes(const std::string&, const std::string&) { return 0; }

}  // namespace membound::gpu

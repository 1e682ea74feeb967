// SPDX-License-Identifier: Apache-2.0
// What a record says of the machine, the build and the backends.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "backends/loader.h"
#include "benches/harness/options.h"

namespace membound {

nlohmann::json backends_json(const std::vector<Backend>& backends);
nlohmann::json device_json(const DeviceInfo& info);

// The first line of a journal, without the plan.
nlohmann::json header_json(const Options& options, const std::vector<Backend>& backends,
                           const std::vector<Device>& devices,
                           const std::vector<std::string>& command);

}  // namespace membound

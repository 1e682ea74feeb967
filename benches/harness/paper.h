// SPDX-License-Identifier: Apache-2.0
// Datasheet figures of an accelerator, from the catalogue by its name and memory.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace membound {

// The figures of the row that `name` and `memory_bytes` fit, as a device's details have them:
// paper_bandwidth_GBps, paper_<type>_GFLOPS, paper_source. Else only paper_source: why there are
// none. A name that fits several rows, or a partition of a device, has none.
nlohmann::json paper_figures(const nlohmann::json& accelerators, const std::string& name,
                             int64_t memory_bytes);

// As above, from accelerators.json in the folder.
nlohmann::json paper_figures_from(const std::string& catalogue_folder, const std::string& name,
                                  int64_t memory_bytes);

}  // namespace membound

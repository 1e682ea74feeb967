// SPDX-License-Identifier: Apache-2.0
// What the kernel's files say of a PCI device. `root` is "/sys", or a copy of a part in tests.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace membound::gpu {

// The device's folder: runtimes write the domain with four or eight digits and in any case.
std::string pci_folder(const std::string& pci_bus_id, const std::string& root = "/sys");

// First line of a file; nothing where it can't be read.
std::optional<std::string> read_line(const std::string& path);
std::optional<int64_t> read_integer(const std::string& path);

// {"numa_node", "link_gts", "link_lanes", ...} of the device; null where the system is silent.
nlohmann::json pci_details(const std::string& pci_bus_id, const std::string& root = "/sys");

}  // namespace membound::gpu

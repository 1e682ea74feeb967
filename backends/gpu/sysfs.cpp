// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu/sysfs.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>

namespace membound::gpu {

using nlohmann::json;

std::string pci_folder(const std::string& pci_bus_id, const std::string& root) {
  std::string id = pci_bus_id;
  std::transform(id.begin(), id.end(), id.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  // "00000000:3b:00.0" is "0000:3b:00.0" there.
  const size_t domain = id.find(':');
  if (domain != std::string::npos && domain > 4) id.erase(0, domain - 4);
  return root + "/bus/pci/devices/" + id;
}

std::optional<std::string> read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

std::optional<int64_t> read_integer(const std::string& path) {
  const auto line = read_line(path);
  if (!line) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), value);
  if (error != std::errc() || end == line->data()) return std::nullopt;
  return value;
}

json pci_details(const std::string& pci_bus_id, const std::string& root) {
  const std::string folder = pci_folder(pci_bus_id, root);
  const auto text = [&](const char* file) {
    const auto line = read_line(folder + "/" + file);
    return line ? json(*line) : json();
  };
  json details = {{"source", folder},
                  {"numa_node", nullptr},
                  {"link_speed", text("current_link_speed")},
                  {"link_speed_most", text("max_link_speed")},
                  {"link_lanes", text("current_link_width")},
                  {"link_lanes_most", text("max_link_width")}};
  // -1 where the machine has one node, or its firmware doesn't say.
  const auto node = read_integer(folder + "/numa_node");
  if (node && *node >= 0) details["numa_node"] = *node;
  return details;
}

}  // namespace membound::gpu

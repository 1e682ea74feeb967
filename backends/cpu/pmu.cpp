// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/pmu.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

namespace membound::cpu {
namespace {

namespace fs = std::filesystem;

std::string line_of(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

// "0-3,8" as the numbers.
std::vector<int> numbers(const std::string& text) {
  std::vector<int> all;
  for (const auto& part : split(text, ',')) {
    int first = 0;
    int last = 0;
    char dash = 0;
    std::istringstream stream(part);
    if (!(stream >> first)) continue;
    last = stream >> dash >> last ? last : first;
    for (int i = first; i <= last && all.size() < 4096; ++i) all.push_back(i);
  }
  return all;
}

// Puts `value` where a format such as "config1:0-7,32-35" says; false for one that it doesn't know.
bool place(const std::string& format, uint64_t value, PmuEvent& event) {
  const auto colon = format.find(':');
  if (colon == std::string::npos) return false;
  const std::string field = format.substr(0, colon);
  const int index = field == "config" ? 0 : field == "config1" ? 1 : field == "config2" ? 2 : -1;
  if (index < 0) return false;
  for (const int bit : numbers(format.substr(colon + 1))) {
    if (bit > 63) return false;
    event.config[index] |= (value & 1) << bit;
    value >>= 1;
  }
  return true;
}

double bytes_per_count(const fs::path& events, const std::string& name) {
  static const std::map<std::string, double> units = {{"MiB", 1 << 20}, {"KiB", 1 << 10}};
  std::istringstream text(line_of(events / (name + ".scale")));
  double scale = 0;
  const auto unit = units.find(line_of(events / (name + ".unit")));
  if (!(text >> scale) || unit == units.end()) return 64;  // a cache line
  return scale * unit->second;
}

std::optional<PmuEvent> read_event(const fs::path& unit, const std::string& name) {
  PmuEvent event;
  std::istringstream type(line_of(unit / "type"));
  const std::string terms = line_of(unit / "events" / name);
  if (!(type >> event.type) || terms.empty()) return std::nullopt;
  for (const auto& term : split(terms, ',')) {
    const auto equals = term.find('=');
    const std::string value = equals == std::string::npos ? "1" : term.substr(equals + 1);
    char* end = nullptr;
    const uint64_t number = std::strtoull(value.c_str(), &end, 0);
    const std::string format = line_of(unit / "format" / term.substr(0, equals));
    if (end == value.c_str() || !place(format, number, event)) return std::nullopt;
  }
  event.cpus = numbers(line_of(unit / "cpumask"));
  if (event.cpus.empty()) event.cpus = {0};
  event.bytes_per_count = bytes_per_count(unit / "events", name);
  return event;
}

}  // namespace

std::vector<PmuEvent> pmu_events(const std::string& unit, const std::string& event,
                                 const std::string& root) {
  std::vector<PmuEvent> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    if (entry.path().filename().string().rfind(unit, 0) != 0) continue;
    if (auto one = read_event(entry.path(), event)) found.push_back(*one);
  }
  return found;
}

}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
#include "benches/harness/paper.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <regex>
#include <set>

namespace membound {
namespace {

using nlohmann::json;
using Words = std::set<std::string>;

// Of a name those that tell devices apart: "NVIDIA H100 80GB HBM3" and "H100 SXM5" differ by SXM
// alone. Sizes are compared as numbers, and makers' names say nothing.
Words words_of(const std::string& name) {
  static const Words ignored = {"NVIDIA", "AMD", "TESLA", "INSTINCT", "GEFORCE", "GPU"};
  static const std::regex size("[0-9]+(GB?|GIB)|HBM[0-9]E?");
  Words words;
  std::string word;
  const auto finish = [&] {
    if (word.rfind("SXM", 0) == 0) word = "SXM";
    if (!word.empty() && ignored.count(word) == 0 && !std::regex_match(word, size)) {
      words.insert(word);
    }
    word.clear();
  };
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    } else {
      finish();
    }
  }
  finish();
  return words;
}

bool has_name(const json& row, const Words& wanted) {
  std::vector<std::string> names = row.value("aliases", std::vector<std::string>());
  names.push_back(row.value("name", ""));
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return words_of(name) == wanted; });
}

// Makers count in GB or GiB, and ECC and the driver keep a part.
bool has_memory(const json& row, double bytes) {
  const double capacity = row.value("capacity_GB", 0.0) / row.value("shown_as_devices", 1.0);
  const auto near = [&](double unit) {
    return std::abs(bytes / unit - capacity) < 0.06 * capacity;
  };
  return capacity == 0 || near(1e9) || near(1024.0 * 1024 * 1024);
}

json figures_of(const json& row) {
  const double part = 1 / row.value("shown_as_devices", 1.0);
  json figures = {{"paper_source", "catalogue of accelerators: " + row.value("id", "")},
                  {"paper_bandwidth_GBps", row.value("bandwidth_GBps", 0.0) * part}};
  static const std::regex peak("([a-z0-9]+)_T(FL)?OPS");
  std::smatch match;
  for (const auto& [key, value] : row.items()) {
    if (!std::regex_match(key, match, peak)) continue;
    const double gigaflops = value.get<double>() * 1000 * part;
    figures["paper_" + match[1].str() + "_GFLOPS"] = gigaflops;
    // Of one rate wherever there are matrix units for bf16; those came with tf32's, and AMD's CDNA.
    if (match[1] == "f16" && (row.contains("tf32_TFLOPS") || row.value("vendor", "") == "AMD")) {
      figures["paper_bf16_GFLOPS"] = gigaflops;
    }
  }
  return figures;
}

}  // namespace

json paper_figures(const json& accelerators, const std::string& name, int64_t memory_bytes) {
  const Words wanted = words_of(name);
  std::vector<const json*> fitting;
  for (const json& row : accelerators) {
    if (row.value("status", "") != "shipping" || !row.contains("bandwidth_GBps")) continue;
    if (has_name(row, wanted) && has_memory(row, static_cast<double>(memory_bytes))) {
      fitting.push_back(&row);
    }
  }
  if (fitting.size() == 1) return figures_of(*fitting[0]);
  const std::string what = fitting.empty() ? "no row" : std::to_string(fitting.size()) + " rows";
  return {{"paper_source", "none: the catalogue of accelerators has " + what + " for '" + name +
                               "' with " + std::to_string(memory_bytes / 1000000000) + " GB"}};
}

json paper_figures_from(const std::string& catalogue_folder, const std::string& name,
                        int64_t memory_bytes) {
  const std::string path = catalogue_folder + "/accelerators.json";
  try {
    std::ifstream file(path);
    return paper_figures(json::parse(file).at("accelerators"), name, memory_bytes);
  } catch (const json::exception& error) {
    return {{"paper_source", "none: " + path + " is not a catalogue of accelerators"}};
  }
}

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/harness/bench.h"

namespace membound {
namespace {

const std::variant<int64_t, std::string>* find(const Case& c, const std::string& key) {
  for (const auto& [name, value] : c.keys) {
    if (name == key) return &value;
  }
  return nullptr;
}

}  // namespace

std::string case_name(const Bench& bench, const Case& c) {
  std::string name = bench.family + "/" + bench.name + "/" + c.dtype;
  for (const auto& [key, value] : c.keys) {
    const bool number = std::holds_alternative<int64_t>(value);
    name += "/" + key + ":" +
            (number ? std::to_string(std::get<int64_t>(value)) : std::get<std::string>(value));
  }
  return name;
}

int64_t integer(const Case& c, const std::string& key) {
  const auto* value = find(c, key);
  MEMBOUND_CHECK(value != nullptr, "case has no " + key);
  return std::get<int64_t>(*value);
}

int64_t integer_or_zero(const Case& c, const std::string& key) {
  return find(c, key) == nullptr ? 0 : integer(c, key);
}

std::string text(const Case& c, const std::string& key) {
  const auto* value = find(c, key);
  MEMBOUND_CHECK(value != nullptr, "case has no " + key);
  return std::get<std::string>(*value);
}

}  // namespace membound

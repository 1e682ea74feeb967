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

Check check_variants(const Device& device, const std::vector<std::string>& variants, Launch launch,
                     const std::function<Check(const Launch&)>& check) {
  Check worst;
  bool checked = false;
  for (const std::string& name : variants) {
    launch.kernel = device.need_kernel(name);
    Check found;
    try {
      found = check(launch);
    } catch (const Error& error) {
      // One that this device can't run is not offered as the fastest either.
      if (error.code() != kUnsupported || name == variants.front()) throw;
      continue;
    }
    if (!found.ok) found.what += ", as " + name;
    if (!checked || !found.ok || found.max_error > worst.max_error) worst = found;
    if (!found.ok) break;
    checked = true;
  }
  return worst;
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

// SPDX-License-Identifier: Apache-2.0
// JSON from files that may be hostile: the memory it takes and its nesting have a limit, and no
// object has a key twice.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace membound {

struct JsonLimits {
  int64_t depth;   // of objects and arrays within each other
  int64_t values;  // of all kinds, keys among them
};

// Throws InputError.
nlohmann::json parse_bounded(std::string_view text, JsonLimits limits, const std::string& where);

// Of a whole file, in which all of it fits into `bytes`.
nlohmann::json read_bounded(const std::string& path, int64_t bytes, JsonLimits limits);

}  // namespace membound

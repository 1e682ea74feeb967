// SPDX-License-Identifier: Apache-2.0
#include "benches/model/bounded_json.h"

#include <unordered_set>
#include <vector>

#include "backends/error.h"
#include "benches/model/file_text.h"
#include "benches/model/mapped_file.h"

namespace membound {

using nlohmann::json;

json parse_bounded(std::string_view text, JsonLimits limits, const std::string& where) {
  int64_t values = 0;
  std::vector<std::unordered_set<std::string>> open;  // keys of each object; arrays have none
  const auto watch = [&](int, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (++values > limits.values) {
      throw InputError(where + ": more than " + std::to_string(limits.values) + " JSON values");
    }
    if (event == Event::object_start || event == Event::array_start) {
      open.emplace_back();
      if (static_cast<int64_t>(open.size()) > limits.depth) {
        throw InputError(where + ": JSON is nested more than " + std::to_string(limits.depth) +
                         " deep");
      }
    } else if (event == Event::object_end || event == Event::array_end) {
      open.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open.back().insert(key).second) {
        throw InputError(where + ": key " + in_quotes(key) + " is there twice");
      }
    }
    return true;
  };
  json parsed = json::parse(text.begin(), text.end(), watch, false);
  if (parsed.is_discarded()) throw InputError(where + ": not valid JSON");
  return parsed;
}

json read_bounded(const std::string& path, int64_t bytes, JsonLimits limits) {
  const MappedFile file(path);
  const Bytes all = file.bytes();
  if (all.size > static_cast<size_t>(bytes)) {
    throw InputError(path + ": larger than " + std::to_string(bytes) + " bytes");
  }
  return parse_bounded({reinterpret_cast<const char*>(all.data), all.size}, limits, path);
}

}  // namespace membound

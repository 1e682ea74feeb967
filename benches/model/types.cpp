// SPDX-License-Identifier: Apache-2.0
#include "benches/model/types.h"

#include <algorithm>
#include <utility>

#include "backends/error.h"
#include "benches/model/shape.h"

namespace membound {

const std::vector<std::string>& stored_types() {
  static const std::vector<std::string> all = {"bf16", "f16", "f32", "q4_0", "q8_0"};
  return all;
}

const std::vector<std::string>& cache_types() {
  static const std::vector<std::string> all = {"bf16", "f16", "f32"};
  return all;
}

bool is_quantised(const std::string& dtype) { return dtype == "q8_0" || dtype == "q4_0"; }

std::string default_cache(const std::string& dtype) { return is_quantised(dtype) ? "f16" : dtype; }

Types types_of(const std::string& dtype, const std::string& cache) {
  return {dtype, dtype, dtype, cache.empty() ? default_cache(dtype) : cache};
}

int64_t stored_bytes(const std::string& dtype, int64_t elements) {
  if (dtype == "f32") return 4 * elements;
  if (!is_quantised(dtype)) return 2 * elements;
  MEMBOUND_CHECK(elements % kQuantisedBlock == 0, "blocks of " + dtype + " are whole");
  const int64_t block_bytes = 2 + (dtype == "q8_0" ? kQuantisedBlock : kQuantisedBlock / 2);
  return elements / kQuantisedBlock * block_bytes;
}

nlohmann::json to_json(const Types& types) {
  return {{"weights", types.weights},
          {"embedding", types.embedding},
          {"head", types.head},
          {"cache", types.cache}};
}

void check_types(const Shape& shape, const Types& types) {
  const std::pair<const std::string&, std::pair<const char*, int64_t>> rows[] = {
      {types.embedding, {"hidden_size", shape.hidden}},
      {types.head, {"hidden_size", shape.hidden}},
      {types.weights, {"hidden_size", shape.hidden}},
      {types.weights, {"the MLPs' size", shape.inner()}},
      {types.weights, {"num_attention_heads x head_dim", shape.heads * shape.head_dim}},
  };
  for (const auto& [dtype, row] : rows) {
    if (!is_quantised(dtype) || row.second % kQuantisedBlock == 0) continue;
    throw InputError(shape.id + " has " + row.first + " " + std::to_string(row.second) + ", and " +
                     dtype + " needs multiples of " + std::to_string(kQuantisedBlock) +
                     ": choose another --dtype");
  }
}

}  // namespace membound

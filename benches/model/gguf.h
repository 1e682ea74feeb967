// SPDX-License-Identifier: Apache-2.0
// The container of GGUF, versions 2 and 3, little-endian: metadata and where tensors lie. What they
// mean for a model: gguf_model.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "benches/model/weights_file.h"

namespace membound {

// The elements of an array whose type has a fixed size, as they lie in the file; of other arrays
// only the count is kept.
struct GgufArray {
  uint32_t type;
  uint64_t count;
  const uint8_t* elements;  // null: strings
};

using GgufValue = std::variant<uint64_t, int64_t, double, bool, std::string_view, GgufArray>;

struct Gguf {
  uint32_t version;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<Tensor> tensors;
};

// Strings, arrays and tensors point into `file`. `where` names it in errors. Throws InputError.
Gguf parse_gguf(Bytes file, const std::string& where);

// Whole numbers of an array; empty where the elements are none.
std::vector<int64_t> whole_numbers(const GgufArray& array);

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// The container of safetensors: one file, and the index of a model's files. What the tensors mean
// for a model: safetensors_model.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "benches/model/weights_file.h"

namespace membound {

// Tensors under the names that the file gives them; they point into it. Throws InputError.
std::vector<Tensor> parse_safetensors(Bytes file, const std::string& where);

// File names by the tensors that lie there, from an index.json. Throws InputError.
std::map<std::string, std::string> parse_index(const nlohmann::json& index,
                                               const std::string& where);

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// A file of weights in numbers: what `--describe` prints.
#pragma once

#include <nlohmann/json.hpp>

#include "benches/model/weights_file.h"

namespace membound {

// What a tensor is for, by its name: "embedding", "attention", "mlp", "router", "experts", "norms",
// "head" or "other".
std::string tensor_class(const std::string& name);

nlohmann::json describe(const WeightsContents& contents);

}  // namespace membound

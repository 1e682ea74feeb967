// SPDX-License-Identifier: Apache-2.0
// Tensors of a file against each other, and against the shape that the file claims.
#pragma once

#include <string>
#include <vector>

#include "benches/model/weights_file.h"

namespace membound {

// No name twice, no byte of two tensors, every tensor aligned to its elements.
void check_places(const std::vector<Tensor>& tensors, const std::string& where);

// Each tensor that a model of this shape needs is there with the right dimensions, and no tensor is
// there that the programs would leave out.
void check_model(const Shape& shape, const std::vector<Tensor>& tensors, const std::string& where);

}  // namespace membound

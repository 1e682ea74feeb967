// SPDX-License-Identifier: Apache-2.0
// What GGUF's metadata say about a model.
#pragma once

#include <string>

#include "benches/model/gguf.h"

namespace membound {

// Architecture, shape and tensors of the file. Throws InputError where the metadata of an
// architecture that can be run are missing or out of bounds; of others `problem` says why not, and
// the shape is there if it could be made out.
WeightsContents gguf_contents(const Gguf& gguf, const std::string& where);

}  // namespace membound

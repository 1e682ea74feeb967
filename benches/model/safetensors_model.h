// SPDX-License-Identifier: Apache-2.0
// A model in safetensors: its files, its config.json, and Hugging Face's names of tensors.
#pragma once

#include <string>

#include "benches/model/weights_file.h"

namespace membound {

// `path` is a .safetensors, an index.json, or a folder. Throws InputError as read_weights() does.
WeightsContents read_safetensors(const std::string& path);

// GGUF's name of "model.layers.0.self_attn.q_proj.weight"; unknown names stay what they are.
std::string gguf_name(const std::string& name);

}  // namespace membound

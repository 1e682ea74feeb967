// SPDX-License-Identifier: Apache-2.0
// The shape of a transformer: what its weights, cache and work follow from.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace membound {

struct Shape {
  std::string id;
  int64_t hidden;        // hidden_size
  int64_t intermediate;  // intermediate_size
  int64_t layers;        // num_hidden_layers
  int64_t heads;         // num_attention_heads
  int64_t kv_heads;      // num_key_value_heads
  int64_t head_dim;
  int64_t vocab;  // vocab_size
  bool tied;      // tie_word_embeddings: the head's weights are the embedding's
  double norm_epsilon;
  double rope_theta;
  bool qk_norm = false;              // an RMS norm over each head of queries and keys
  int64_t experts = 0;               // of a mixture (num_experts); 0: a dense MLP
  int64_t experts_per_token = 0;     // that the router chooses for a token
  int64_t expert_intermediate = 0;   // moe_intermediate_size
  bool norm_top_k = true;            // the chosen experts' weights are scaled to a sum of 1
  std::vector<float> rope_factors;   // that divide the frequencies [head_dim / 2]; empty: none
  std::vector<std::string> ignored;  // features of the config that the programs leave out

  int64_t qkv_rows() const { return (heads + 2 * kv_heads) * head_dim; }
  // Of an MLP, be it a layer's only one or an expert.
  int64_t inner() const { return experts > 0 ? expert_intermediate : intermediate; }
  int64_t mlps() const { return experts > 0 ? experts : 1; }
  int64_t mlps_per_token() const { return experts > 0 ? experts_per_token : 1; }
};

// `model` is a path of a config.json (Hugging Face) or an id of the catalogue, models.json in
// `catalogue_folder`. Throws InputError with one line.
Shape read_shape(const std::string& model, const std::string& catalogue_folder);

// Throws InputError if a number is missing or out of bounds, or the architecture is none that the
// programs are: gated MLPs, dense or of experts as in qwen3_moe, and grouped-query attention.
Shape shape_from_json(const nlohmann::json& config, const std::string& where);

nlohmann::json to_json(const Shape& shape);

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/model/shape.h"

#include <cctype>
#include <filesystem>
#include <fstream>

#include "backends/error.h"

namespace membound {
namespace {

using nlohmann::json;

constexpr int64_t kLargestFileBytes = 4 << 20;

json read_json(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) throw InputError(path + ": " + error.message());
  if (bytes > kLargestFileBytes) throw InputError(path + ": too large for a config (over 4 MiB)");
  std::ifstream file(path);
  json parsed = json::parse(file, nullptr, false);
  if (parsed.is_discarded()) throw InputError(path + ": not valid JSON");
  return parsed;
}

bool present(const json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && !found->is_null();
}

class Reader {
 public:
  Reader(const json& config, const std::string& where) : config_(config), where_(where) {}

  int64_t number(const char* key, int64_t fallback, int64_t high = 1 << 24) const {
    if (!present(config_, key)) {
      if (fallback > 0) return fallback;
      throw InputError(where_ + ": " + key + " is missing");
    }
    const json& value = config_.at(key);
    const bool whole = value.is_number_integer() && value >= 1 && value <= high;
    if (!whole) {
      throw InputError(where_ + ": " + key + " must be a whole number from 1 to " +
                       std::to_string(high));
    }
    return value.get<int64_t>();
  }

  double real(const char* key, double fallback) const {
    if (!present(config_, key)) return fallback;
    const json& value = config_.at(key);
    if (!value.is_number() || !(value > 0)) {
      throw InputError(where_ + ": " + key + " must be a number above 0");
    }
    return value.get<double>();
  }

  bool flag(const char* key, bool fallback) const {
    if (!present(config_, key)) return fallback;
    if (!config_.at(key).is_boolean()) {
      throw InputError(where_ + ": " + key + " must be true or false");
    }
    return config_.at(key).get<bool>();
  }

  std::string text(const char* key) const {
    return present(config_, key) && config_.at(key).is_string() ? config_.at(key).get<std::string>()
                                                                : "";
  }

 private:
  const json& config_;
  const std::string& where_;
};

void refuse_other_architectures(const json& config, const std::string& where) {
  const std::pair<const char*, const char*> others[] = {
      {"num_local_experts", "a mixture of experts"},
      {"num_experts", "a mixture of experts"},
      {"n_routed_experts", "a mixture of experts"},
      {"kv_lora_rank", "latent attention (MLA)"},
  };
  for (const auto& [key, what] : others) {
    if (present(config, key) && config.at(key).is_number() && config.at(key) > 0) {
      throw InputError(where + ": " + what + " (" + key + ") can't be run; choose a dense model");
    }
  }
  if (present(config, "mlp_gated") && config.at("mlp_gated") == false) {
    throw InputError(where + ": an MLP without a gate can't be run; choose a gated model");
  }
}

// The id becomes part of bench names, where '/' and ':' have a meaning.
std::string plain_name(std::string name) {
  for (char& c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  return name.empty() ? "model" : name;
}

std::vector<std::string> ignored_features(const json& config) {
  std::vector<std::string> ignored;
  for (const char* key : {"attention_bias", "mlp_bias", "use_qk_norm"}) {
    if (present(config, key) && config.at(key) == true) ignored.emplace_back(key);
  }
  for (const char* key : {"sliding_window", "rope_scaling"}) {
    if (present(config, key)) ignored.emplace_back(key);
  }
  return ignored;
}

}  // namespace

Shape shape_from_json(const json& whole, const std::string& where) {
  if (!whole.is_object()) throw InputError(where + ": expected a JSON object");
  const bool nested = present(whole, "text_config") && whole.at("text_config").is_object();
  const json& config = nested ? whole.at("text_config") : whole;
  refuse_other_architectures(config, where);
  const Reader read(config, where);
  Shape shape;
  shape.hidden = read.number("hidden_size", 0);
  shape.intermediate = read.number("intermediate_size", 0);
  shape.layers = read.number("num_hidden_layers", 0, 1024);
  shape.heads = read.number("num_attention_heads", 0, 4096);
  shape.kv_heads = read.number("num_key_value_heads", shape.heads, 4096);
  if (shape.heads % shape.kv_heads != 0) {
    throw InputError(where + ": num_attention_heads must be a multiple of num_key_value_heads");
  }
  const int64_t derived = shape.hidden / shape.heads;
  if (!present(config, "head_dim") && shape.hidden % shape.heads != 0) {
    throw InputError(where + ": hidden_size must be a multiple of num_attention_heads");
  }
  shape.head_dim = read.number("head_dim", derived, 512);
  if (shape.head_dim % 2 != 0 || shape.head_dim > 512) {
    throw InputError(where + ": head_dim must be even and at most 512");
  }
  shape.vocab = read.number("vocab_size", 0);
  const bool gemma = read.text("model_type").rfind("gemma", 0) == 0;
  shape.tied =
      read.flag("tie_word_embeddings", Reader(whole, where).flag("tie_word_embeddings", gemma));
  shape.norm_epsilon = read.real("rms_norm_eps", 1e-5);
  shape.rope_theta = read.real("rope_theta", 10000.0);
  shape.ignored = ignored_features(config);
  return shape;
}

Shape read_shape(const std::string& model, const std::string& catalogue_folder) {
  if (std::filesystem::exists(model)) {
    Shape shape = shape_from_json(read_json(model), model);
    const auto path = std::filesystem::absolute(model).lexically_normal();
    shape.id = plain_name(path.filename() == "config.json" ? path.parent_path().filename().string()
                                                           : path.stem().string());
    return shape;
  }
  const std::string path = (std::filesystem::path(catalogue_folder) / "models.json").string();
  const json catalogue = read_json(path);
  std::string known;
  for (const auto& row : catalogue.value("models", json::array())) {
    const std::string id = row.value("id", "");
    if (id == model) {
      Shape shape = shape_from_json(row, model);
      shape.id = id;
      return shape;
    }
    known += (known.empty() ? "" : ", ") + id;
  }
  throw InputError("no model " + model + ": neither a config.json nor in the catalogue (" + known +
                   ")");
}

json to_json(const Shape& shape) {
  return {{"id", shape.id},
          {"hidden_size", shape.hidden},
          {"intermediate_size", shape.intermediate},
          {"layers", shape.layers},
          {"heads", shape.heads},
          {"kv_heads", shape.kv_heads},
          {"head_dim", shape.head_dim},
          {"vocab_size", shape.vocab},
          {"tie_word_embeddings", shape.tied},
          {"ignored", shape.ignored}};
}

}  // namespace membound

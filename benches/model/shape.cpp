// SPDX-License-Identifier: Apache-2.0
#include "benches/model/shape.h"

#include <algorithm>
#include <cctype>
#include <cmath>
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

bool is_type(const json& config, const char* model_type) {
  return present(config, "model_type") && config.at("model_type") == model_type;
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
  const bool qwen3_moe = is_type(config, "qwen3_moe");
  const std::pair<const char*, const char*> others[] = {
      {"num_local_experts", "a mixture of experts"},
      {"num_experts", "a mixture of experts"},
      {"n_routed_experts", "a mixture of experts"},
      {"kv_lora_rank", "latent attention (MLA)"},
  };
  for (const auto& [key, what] : others) {
    if (qwen3_moe && std::string(key) == "num_experts") continue;
    if (present(config, key) && config.at(key).is_number() && config.at(key) > 0) {
      throw InputError(where + ": " + what + " (" + key +
                       ") can't be run; choose a dense model or a qwen3_moe");
    }
  }
  if (present(config, "mlp_gated") && config.at("mlp_gated") == false) {
    throw InputError(where + ": an MLP without a gate can't be run; choose a gated model");
  }
}

// Experts in every layer; qwen3_moe configs can also ask for dense layers between.
void read_experts(const json& config, const Reader& read, const std::string& where, Shape& shape) {
  const bool between = present(config, "mlp_only_layers") && !config.at("mlp_only_layers").empty();
  if (between || read.number("decoder_sparse_step", 1) != 1) {
    throw InputError(where + ": dense layers among those with experts (mlp_only_layers, " +
                     "decoder_sparse_step) can't be run");
  }
  shape.experts = read.number("num_experts", 0, 4096);
  shape.experts_per_token = read.number("num_experts_per_tok", 0, 64);
  if (shape.experts_per_token > shape.experts) {
    throw InputError(where + ": num_experts_per_tok must be at most num_experts");
  }
  shape.expert_intermediate = read.number("moe_intermediate_size", 0);
  shape.norm_top_k = read.flag("norm_topk_prob", false);
}

// Where transformers 5 keeps what rope_scaling and rope_theta were.
const json* rope_scaling(const json& config) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (present(config, key) && config.at(key).is_object()) return &config.at(key);
  }
  return nullptr;
}

std::string rope_type(const json& scaling) {
  const std::string where;
  const Reader read(scaling, where);
  const std::string type = read.text("rope_type");
  return type.empty() ? read.text("type") : type;
}

// The factors of Llama 3.1: wavelengths within the original context stay, those beyond it are
// `factor` times as long, and between the two they go from one to the other.
std::vector<float> llama3_factors(const json& scaling, const std::string& where,
                                  const Shape& shape) {
  const Reader read(scaling, where);
  const double factor = read.real("factor", 8);
  const double low = read.real("low_freq_factor", 1);
  const double high = read.real("high_freq_factor", 4);
  const auto context =
      static_cast<double>(read.number("original_max_position_embeddings", 8192, 1 << 30));
  if (high <= low) throw InputError(where + ": high_freq_factor must be above low_freq_factor");
  std::vector<float> factors(shape.head_dim / 2);
  for (size_t i = 0; i < factors.size(); ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(shape.head_dim);
    const double wavelength = 2 * M_PI * std::pow(shape.rope_theta, exponent);
    const double kept = std::clamp((context / wavelength - low) / (high - low), 0.0, 1.0);
    factors[i] = static_cast<float>(1 / (kept + (1 - kept) / factor));
  }
  return factors;
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
  const bool unused =
      present(config, "use_sliding_window") && config["use_sliding_window"] == false;
  if (present(config, "sliding_window") && !unused) ignored.emplace_back("sliding_window");
  const json* scaling = rope_scaling(config);
  const std::string type = scaling == nullptr ? "default" : rope_type(*scaling);
  if (type != "default" && type != "llama3") ignored.emplace_back("rope_scaling");
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
  shape.qk_norm = is_type(config, "qwen3") || is_type(config, "qwen3_moe");
  if (is_type(config, "qwen3_moe")) read_experts(config, read, where, shape);
  if (const json* scaling = rope_scaling(config)) {
    shape.rope_theta = Reader(*scaling, where).real("rope_theta", shape.rope_theta);
    if (rope_type(*scaling) == "llama3") {
      shape.rope_factors = llama3_factors(*scaling, where, shape);
    }
  }
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
          {"qk_norm", shape.qk_norm},
          {"experts", shape.experts},
          {"experts_per_token", shape.experts_per_token},
          {"expert_intermediate", shape.expert_intermediate},
          {"ignored", shape.ignored}};
}

}  // namespace membound

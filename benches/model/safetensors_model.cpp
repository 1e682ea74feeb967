// SPDX-License-Identifier: Apache-2.0
#include "benches/model/safetensors_model.h"

#include <filesystem>
#include <map>
#include <set>

#include "backends/error.h"
#include "benches/model/bounded_json.h"
#include "benches/model/file_text.h"
#include "benches/model/safetensors.h"
#include "benches/model/tensor_checks.h"

namespace membound {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kLargestConfig = 4 << 20;  // bytes
constexpr int64_t kLargestIndex = 64 << 20;
constexpr JsonLimits kConfigLimits = {64, 1 << 20};
constexpr JsonLimits kIndexLimits = {3, 1 << 20};
constexpr size_t kMostFiles = 4096;
constexpr const char* kIndexName = "model.safetensors.index.json";

const std::map<std::string, std::string>& outer_names() {
  static const std::map<std::string, std::string> all = {
      {"embed_tokens", "token_embd"}, {"norm", "output_norm"}, {"lm_head", "output"}};
  return all;
}

const std::map<std::string, std::string>& layer_names() {
  static const std::map<std::string, std::string> all = {
      {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
      {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
      {"self_attn.o_proj", "attn_output"}, {"self_attn.q_norm", "attn_q_norm"},
      {"self_attn.k_norm", "attn_k_norm"}, {"post_attention_layernorm", "ffn_norm"},
      {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
      {"mlp.down_proj", "ffn_down"},       {"mlp.gate", "ffn_gate_inp"},
  };
  return all;
}

// model_type of a config -> architecture.
const std::map<std::string, std::string>& architectures() {
  static const std::map<std::string, std::string> all = {
      {"llama", "llama"}, {"qwen3", "qwen3"}, {"qwen3_moe", "qwen3moe"}};
  return all;
}

// What comes before the next dot; `text` goes on after it.
std::string next_part(std::string& text) {
  const size_t dot = text.find('.');
  const std::string part = text.substr(0, dot);
  text = dot == std::string::npos ? "" : text.substr(dot + 1);
  return part;
}

std::string looked_up(const std::map<std::string, std::string>& names, const std::string& name) {
  const auto found = names.find(name);
  return found == names.end() ? "" : found->second;
}

std::string layer_name(std::string rest, const std::string& suffix) {
  const std::string block = "blk." + next_part(rest) + ".";
  if (rest.rfind("mlp.experts.", 0) == 0) {
    rest = rest.substr(std::string("mlp.experts.").size());
    const std::string expert = next_part(rest);
    const std::string found = looked_up(layer_names(), "mlp." + rest);
    return found.empty() ? "" : block + found + "." + expert + suffix;
  }
  const std::string found = looked_up(layer_names(), rest);
  return found.empty() ? "" : block + found + suffix;
}

// The file or the index to begin with.
fs::path first_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return path;
  for (const char* name : {kIndexName, "model.safetensors"}) {
    if (fs::exists(path / name, error)) return path / name;
  }
  fs::path only;
  int files = 0;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() != ".safetensors") continue;
    only = entry->path();
    ++files;
  }
  if (error) throw InputError(path.string() + ": " + error.message());
  if (files == 1) return only;
  throw InputError(path.string() + ": holds " + (files == 0 ? "no" : "several") +
                   " .safetensors files and no " + kIndexName);
}

void add_file(WeightsContents& contents, const std::string& path) {
  const MappedFile file(path);
  for (Tensor& tensor : parse_safetensors(file.bytes(), path)) {
    contents.tensors.push_back(std::move(tensor));
  }
  contents.files.push_back(file);
}

void add_shards(WeightsContents& contents, const fs::path& index_path) {
  const std::string where = index_path.string();
  const auto named = parse_index(read_bounded(where, kLargestIndex, kIndexLimits), where);
  std::set<std::string> files;
  for (const auto& [tensor, file] : named) files.insert(file);
  if (files.size() > kMostFiles) throw InputError(where + ": names too many files");
  for (const std::string& file : files) {
    const size_t before = contents.tensors.size();
    add_file(contents, (index_path.parent_path() / file).string());
    for (size_t i = before; i < contents.tensors.size(); ++i) {
      const auto found = named.find(contents.tensors[i].name);
      if (found == named.end() || found->second != file) {
        throw InputError(where + ": tensor " + in_quotes(contents.tensors[i].name) + " lies in " +
                         file + ", where the index does not look for it");
      }
    }
  }
  if (contents.tensors.size() != named.size()) {
    throw InputError(where + ": names " + std::to_string(named.size()) +
                     " tensors; the files hold " + std::to_string(contents.tensors.size()));
  }
}

std::string model_type(const json& config) {
  for (const json* part :
       {&config, config.contains("text_config") ? &config["text_config"] : nullptr}) {
    if (part == nullptr || !part->is_object() || !part->contains("model_type")) continue;
    const json& type = part->at("model_type");
    if (type.is_string() && architectures().count(type.get<std::string>()) != 0) return type;
  }
  const auto found = config.find("model_type");
  return found != config.end() && found->is_string() ? found->get<std::string>() : "unknown";
}

// Architecture and shape; both stay open where there is no config.
void read_config(WeightsContents& contents, const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    contents.architecture = "unknown";
    contents.problem = "no config.json beside it: put the model's there";
    return;
  }
  const json config = read_bounded(path.string(), kLargestConfig, kConfigLimits);
  if (!config.is_object()) throw InputError(path.string() + ": expected a JSON object");
  const std::string type = model_type(config);
  const std::string known = looked_up(architectures(), type);
  contents.architecture = known.empty() ? type : known;
  if (known.empty()) {
    contents.problem =
        "architecture " + in_quotes(type) + " can't be run; llama, qwen3 and qwen3_moe can";
  }
  try {
    contents.shape = shape_from_json(config, path.string());
  } catch (const InputError&) {
    if (!known.empty()) throw;
  }
}

}  // namespace

std::string gguf_name(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return name;
  const std::string suffix = name.substr(dot);
  std::string rest = name.substr(0, dot);
  if (rest.rfind("model.", 0) == 0) next_part(rest);
  std::string found = looked_up(outer_names(), rest);
  if (!found.empty()) return found + suffix;
  if (rest.rfind("layers.", 0) == 0) {
    next_part(rest);
    found = layer_name(rest, suffix);
  }
  return found.empty() ? name : found;
}

WeightsContents read_safetensors(const std::string& path) {
  WeightsContents contents;
  contents.format = "safetensors";
  const fs::path first = first_file(path);
  if (first.extension() == ".json") {
    add_shards(contents, first);
  } else {
    add_file(contents, first.string());
  }
  for (Tensor& tensor : contents.tensors) tensor.name = gguf_name(tensor.name);
  std::set<std::string> names;
  for (const Tensor& tensor : contents.tensors) {
    if (!names.insert(tensor.name).second) {
      throw InputError(path + ": tensor " + in_quotes(tensor.name) + " is there twice");
    }
  }
  read_config(contents, first.parent_path() / "config.json");
  if (contents.problem.empty()) check_model(*contents.shape, contents.tensors, path);
  return contents;
}

}  // namespace membound

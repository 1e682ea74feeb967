// SPDX-License-Identifier: Apache-2.0
#include "benches/model/gguf_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "backends/error.h"
#include "benches/model/file_text.h"
#include "benches/model/tensor_checks.h"

namespace membound {
namespace {

constexpr int64_t kLargestDimension = 1 << 24;
constexpr int64_t kMostLayers = 1024;
constexpr int64_t kMostHeads = 4096;
constexpr int64_t kMostExperts = 4096;
constexpr int64_t kLargestHead = 512;

const std::set<std::string>& runnable_architectures() {
  static const std::set<std::string> all = {"llama", "qwen3", "qwen3moe"};
  return all;
}

// Keys without the architecture in front: "block_count".
class Metadata {
 public:
  Metadata(const Gguf& gguf, const std::string& architecture, const std::string& where)
      : gguf_(gguf), prefix_(architecture + "."), where_(where) {}

  bool has(const std::string& key) const { return value(key) != nullptr; }

  // A fallback of 0: the key must be there.
  int64_t number(const std::string& key, int64_t fallback, int64_t high) const {
    const GgufValue* found = value(key);
    if (!found) {
      if (fallback > 0) return fallback;
      throw InputError(where_ + ": metadata key " + prefix_ + key + " is missing");
    }
    const int64_t given = whole(*found, key);
    if (given < 1 || given > high) {
      throw InputError(where_ + ": metadata key " + prefix_ + key +
                       " must be a whole number from 1 to " + std::to_string(high));
    }
    return given;
  }

  // 0 where the key is absent or says so.
  int64_t count(const std::string& key, int64_t high) const {
    const GgufValue* found = value(key);
    return !found || whole(*found, key) == 0 ? 0 : number(key, 0, high);
  }

  double real(const std::string& key, double fallback) const {
    const GgufValue* found = value(key);
    if (!found) return fallback;
    const double* given = std::get_if<double>(found);
    if (!given || !(*given > 0) || !std::isfinite(*given)) {
      throw InputError(where_ + ": metadata key " + prefix_ + key + " must be a number above 0");
    }
    return *given;
  }

  std::string text(const std::string& key) const {
    const GgufValue* found = value(key);
    const auto* given = found ? std::get_if<std::string_view>(found) : nullptr;
    return given ? std::string(*given) : "";
  }

 private:
  const GgufValue* value(const std::string& key) const {
    const auto found = gguf_.metadata.find(prefix_ + key);
    return found == gguf_.metadata.end() ? nullptr : &found->second;
  }

  // -1 where it is no whole number. Some keys may have one value for each layer.
  int64_t whole(const GgufValue& value, const std::string& key) const {
    if (const auto* given = std::get_if<uint64_t>(&value)) {
      return static_cast<int64_t>(std::min<uint64_t>(*given, INT64_MAX));
    }
    if (const auto* given = std::get_if<int64_t>(&value)) return *given;
    const auto* array = std::get_if<GgufArray>(&value);
    if (!array || array->count > kMostLayers) return -1;
    const auto numbers = whole_numbers(*array);
    if (numbers.empty()) return -1;
    if (std::count(numbers.begin(), numbers.end(), numbers[0]) !=
        static_cast<int64_t>(numbers.size())) {
      throw InputError(where_ + ": " + prefix_ + key +
                       " differs from layer to layer, which can't be "
                       "run");
    }
    return numbers[0];
  }

  const Gguf& gguf_;
  const std::string prefix_;
  const std::string& where_;
};

const Tensor* find(const Gguf& gguf, const std::string& name) {
  for (const Tensor& tensor : gguf.tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

// The vocabulary is what the embedding has rows for; metadata do not always tell it.
int64_t vocabulary(const Gguf& gguf, const std::string& where) {
  const Tensor* embedding = find(gguf, "token_embd.weight");
  if (!embedding || embedding->shape.size() != 2 || embedding->shape[0] > kLargestDimension) {
    throw InputError(where + ": tensor token_embd.weight is missing or no matrix of tokens");
  }
  return embedding->shape[0];
}

// What divides each frequency: one factor for all (linear scaling), or the tensor's.
std::vector<float> rope_factors(const Gguf& gguf, const Metadata& read, int64_t head_dim,
                                const std::string& where) {
  const auto pairs = static_cast<size_t>(head_dim / 2);
  const Tensor* given = find(gguf, "rope_freqs.weight");
  std::vector<float> factors;
  if (given) {
    if (given->type != "f32" || given->shape != std::vector<int64_t>{head_dim / 2}) {
      throw InputError(where + ": tensor rope_freqs.weight must be f32 with " +
                       std::to_string(pairs) + " elements");
    }
    factors.resize(pairs);
    std::memcpy(factors.data(), given->data, pairs * sizeof(float));
    const bool usable = std::all_of(factors.begin(), factors.end(),
                                    [](float f) { return std::isfinite(f) && f > 0; });
    if (!usable) throw InputError(where + ": tensor rope_freqs.weight must hold numbers above 0");
  }
  const std::string type = read.text("rope.scaling.type");
  if (type.empty() || type == "linear") {
    const double scale = read.real("rope.scaling.factor", 1.0);
    if (scale != 1.0 && factors.empty()) factors.assign(pairs, 1.0f);
    for (float& factor : factors) factor *= static_cast<float>(scale);
  }
  return factors;
}

// What the programs leave out although the file asks for it.
std::vector<std::string> ignored_features(const Metadata& read) {
  std::vector<std::string> ignored;
  for (const char* key : {"attention.sliding_window", "attn_logit_softcapping",
                          "final_logit_softcapping", "logit_scale", "residual_scale",
                          "embedding_scale", "attention.scale", "attention.clamp_kqv"}) {
    if (read.has(key)) ignored.emplace_back(key);
  }
  const std::string scaling = read.text("rope.scaling.type");
  if (!scaling.empty() && scaling != "none" && scaling != "linear") {
    ignored.push_back("rope.scaling.type " + in_quotes(scaling));
  }
  return ignored;
}

// Files without the experts' length mean that those of a token make up a dense MLP together.
void read_experts(Shape& shape, const Metadata& read) {
  shape.experts_per_token = read.number("expert_used_count", 0, shape.experts);
  const int64_t dense = read.count("feed_forward_length", kLargestDimension);
  shape.expert_intermediate =
      read.number("expert_feed_forward_length", dense / shape.experts_per_token, kLargestDimension);
  shape.intermediate = dense > 0 ? dense : shape.expert_intermediate;
}

Shape read_gguf_shape(const Gguf& gguf, const std::string& architecture, const std::string& where) {
  const Metadata read(gguf, architecture, where);
  Shape shape;
  shape.hidden = read.number("embedding_length", 0, kLargestDimension);
  shape.layers = read.number("block_count", 0, kMostLayers);
  shape.heads = read.number("attention.head_count", 0, kMostHeads);
  shape.kv_heads = read.number("attention.head_count_kv", shape.heads, kMostHeads);
  if (shape.heads % shape.kv_heads != 0) {
    throw InputError(where + ": attention.head_count must be a multiple of head_count_kv");
  }
  shape.head_dim = read.number("attention.key_length", shape.hidden / shape.heads, kLargestHead);
  const int64_t values = read.number("attention.value_length", shape.head_dim, kLargestHead);
  const int64_t rotated = read.number("rope.dimension_count", shape.head_dim, kLargestHead);
  if (shape.head_dim % 2 != 0 || shape.head_dim != values || shape.head_dim != rotated) {
    throw InputError(where +
                     ": heads of keys, of values and what rotates of them must be of one "
                     "even size");
  }
  shape.experts = read.count("expert_count", kMostExperts);
  if (shape.experts > 0) {
    read_experts(shape, read);
  } else if (architecture == "qwen3moe") {
    throw InputError(where + ": metadata key qwen3moe.expert_count is missing");
  } else {
    shape.intermediate = read.number("feed_forward_length", 0, kLargestDimension);
  }
  shape.vocab = vocabulary(gguf, where);
  if (read.number("vocab_size", shape.vocab, kLargestDimension) != shape.vocab) {
    throw InputError(where + ": vocab_size and the rows of token_embd.weight differ");
  }
  shape.tied = find(gguf, "output.weight") == nullptr;
  shape.norm_epsilon = read.real("attention.layer_norm_rms_epsilon", 1e-5);
  shape.rope_theta = read.real("rope.freq_base", 10000.0);
  shape.qk_norm = architecture.rfind("qwen3", 0) == 0;
  shape.rope_factors = rope_factors(gguf, read, shape.head_dim, where);
  shape.ignored = ignored_features(read);
  return shape;
}

std::string architecture_of(const Gguf& gguf, const std::string& where) {
  const auto found = gguf.metadata.find("general.architecture");
  const auto* name =
      found == gguf.metadata.end() ? nullptr : std::get_if<std::string_view>(&found->second);
  if (!name) throw InputError(where + ": metadata key general.architecture is missing");
  if (name->empty() || name->size() > 64 || !is_utf8(*name)) {
    throw InputError(where + ": general.architecture is empty, too long or not UTF-8");
  }
  return std::string(*name);
}

void refuse_parts(const Gguf& gguf, const std::string& where) {
  const auto found = gguf.metadata.find("split.count");
  const auto* parts =
      found == gguf.metadata.end() ? nullptr : std::get_if<uint64_t>(&found->second);
  if (parts && *parts > 1) {
    throw InputError(where + ": one of " + std::to_string(*parts) +
                     " parts of a split file; join them with llama-gguf-split --merge");
  }
}

}  // namespace

WeightsContents gguf_contents(const Gguf& gguf, const std::string& where) {
  refuse_parts(gguf, where);
  WeightsContents contents;
  contents.format = "gguf";
  contents.architecture = architecture_of(gguf, where);
  contents.tensors = gguf.tensors;
  contents.interleaved_rope = contents.architecture == "llama";
  const bool known = runnable_architectures().count(contents.architecture) != 0;
  if (!known) {
    contents.problem = "architecture " + in_quotes(contents.architecture) +
                       " can't be run; llama, qwen3 and qwen3moe can";
  }
  try {
    contents.shape = read_gguf_shape(gguf, contents.architecture, where);
  } catch (const InputError&) {
    if (known) throw;
    return contents;
  }
  if (contents.architecture == "llama" && contents.shape->experts > 0) {
    contents.problem = "a mixture of experts of architecture llama can't be run; qwen3moe can";
  }
  if (contents.problem.empty()) check_model(*contents.shape, contents.tensors, where);
  return contents;
}

}  // namespace membound

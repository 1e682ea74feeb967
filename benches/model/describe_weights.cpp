// SPDX-License-Identifier: Apache-2.0
#include "benches/model/describe_weights.h"

#include <map>

#include "benches/model/tensor_types.h"

namespace membound {
namespace {

using nlohmann::json;

bool contains(const std::string& name, const char* part) {
  return name.find(part) != std::string::npos;
}

bool starts(const std::string& name, const char* start) { return name.rfind(start, 0) == 0; }

// "ffn_up_exps.weight", or "ffn_up.7.weight" where experts are separate tensors.
bool is_expert(const std::string& part) {
  if (contains(part, "_exps")) return true;
  const size_t dot = part.find('.');
  return starts(part, "ffn_") && dot + 1 < part.size() && part[dot + 1] >= '0' &&
         part[dot + 1] <= '9';
}

struct Amount {
  int64_t count = 0;
  int64_t bytes = 0;

  void add(const Tensor& tensor) {
    ++count;
    bytes += tensor.bytes;
  }
  json to_json() const { return {{"count", count}, {"bytes", bytes}}; }
};

struct Class {
  Amount all;
  std::map<std::string, Amount> by_type;
};

using Classes = std::map<std::string, Class>;

Classes classes_of(const std::vector<Tensor>& tensors) {
  Classes classes;
  for (const char* name :
       {"embedding", "attention", "mlp", "router", "experts", "norms", "head", "other"}) {
    classes[name];
  }
  for (const Tensor& tensor : tensors) {
    Class& found = classes[tensor_class(tensor.name)];
    found.all.add(tensor);
    found.by_type[tensor.type].add(tensor);
  }
  return classes;
}

// Of one token in an embedding; 0 without one.
int64_t row_bytes(const Tensor* embedding) {
  const bool has_rows = embedding != nullptr && !embedding->shape.empty();
  return has_rows ? embedding->bytes / embedding->shape[0] : 0;
}

const Tensor* find(const std::vector<Tensor>& tensors, const char* name) {
  for (const Tensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

// Bytes of weights that one decode step of one sequence reads: of the embedding a row, of the
// experts those that the router chooses; a tied head is read although it has no tensor of its own.
json decode_reads(const WeightsContents& contents, const Classes& classes) {
  const Tensor* embedding = find(contents.tensors, "token_embd.weight");
  const Tensor* head = find(contents.tensors, "output.weight");
  if (contents.shape ? contents.shape->tied : !head) head = embedding;
  json reads = {{"embedding", row_bytes(embedding)}, {"head", head ? head->bytes : 0}};
  int64_t dense = reads["embedding"].get<int64_t>() + reads["head"].get<int64_t>();
  for (const char* name : {"attention", "mlp", "router", "norms"}) {
    const int64_t bytes = classes.at(name).all.bytes;
    reads[name] = bytes;
    dense += bytes;
  }
  const int64_t all = classes.at("experts").all.bytes;
  const bool known = all == 0 || (contents.shape && contents.shape->experts > 0);
  if (!known) {
    reads["experts"] = reads["total"] = nullptr;
  } else {
    const int64_t chosen =
        all == 0 ? 0 : all / contents.shape->experts * contents.shape->experts_per_token;
    reads["experts"] = chosen;
    reads["total"] = dense + chosen;
  }
  reads["total_with_all_experts"] = dense + all;
  return reads;
}

json unsupported_types(const std::vector<Tensor>& tensors) {
  std::map<std::string, Amount> found;
  for (const Tensor& tensor : tensors) {
    if (!tensor_type(tensor.type)->runnable) found[tensor.type].add(tensor);
  }
  json types = json::object();
  for (const auto& [type, amount] : found) types[type] = amount.to_json();
  return types;
}

}  // namespace

std::string tensor_class(const std::string& name) {
  if (starts(name, "token_embd.")) return "embedding";
  if (name == "output.weight" || name == "output.bias") return "head";
  if (contains(name, "norm")) return "norms";
  if (!starts(name, "blk.")) return "other";
  const size_t dot = name.find('.', 4);
  const std::string part = dot == std::string::npos ? "" : name.substr(dot + 1);
  if (starts(part, "ffn_gate_inp")) return "router";
  if (is_expert(part)) return "experts";
  if (starts(part, "ffn_")) return "mlp";
  return starts(part, "attn_") ? "attention" : "other";
}

json describe(const WeightsContents& contents) {
  const Classes classes = classes_of(contents.tensors);
  json by_class = json::object();
  int64_t bytes = 0;
  for (const auto& [name, found] : classes) {
    json types = json::object();
    for (const auto& [type, amount] : found.by_type) types[type] = amount.to_json();
    by_class[name] = found.all.to_json();
    by_class[name]["types"] = types;
    bytes += found.all.bytes;
  }
  return {{"format", contents.format},
          {"architecture", contents.architecture},
          {"problem", contents.problem.empty() ? json() : json(contents.problem)},
          {"shape", contents.shape ? to_json(*contents.shape) : json()},
          {"tensors", by_class},
          {"bytes", bytes},
          {"decode_token_bytes", decode_reads(contents, classes)},
          {"unsupported_types", unsupported_types(contents.tensors)}};
}

}  // namespace membound

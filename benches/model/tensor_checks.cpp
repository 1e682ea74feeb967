// SPDX-License-Identifier: Apache-2.0
#include "benches/model/tensor_checks.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

#include "backends/error.h"
#include "benches/model/file_text.h"
#include "benches/model/tensor_types.h"

namespace membound {
namespace {

using Dimensions = std::vector<int64_t>;

std::string text(const Dimensions& dimensions) {
  std::string all;
  for (const int64_t size : dimensions) all += (all.empty() ? "" : ", ") + std::to_string(size);
  return "[" + all + "]";
}

// Takes tensors off the list as they turn out to be needed.
class Needs {
 public:
  Needs(const std::vector<Tensor>& tensors, const std::string& where) : where_(where) {
    for (const Tensor& tensor : tensors) left_.emplace(tensor.name, &tensor);
  }

  bool has(const std::string& name) const { return left_.count(name) != 0; }

  void take(const std::string& name, const Dimensions& dimensions) {
    const auto found = left_.find(name);
    if (found == left_.end()) throw InputError(where_ + ": tensor " + name + " is missing");
    if (found->second->shape != dimensions) {
      throw InputError(where_ + ": tensor " + name + " is " + text(found->second->shape) +
                       "; the model's shape asks for " + text(dimensions));
    }
    left_.erase(found);
  }

  void take_if_there(const std::string& name, const Dimensions& dimensions) {
    if (has(name)) take(name, dimensions);
  }

  void refuse_the_rest() const {
    const Tensor* first = nullptr;
    for (const auto& [name, tensor] : left_) {
      // Old checkpoints keep the frequencies that follow from rope_theta.
      const bool derived = name.find("rotary_emb.inv_freq") != std::string::npos;
      if (!derived && (!first || tensor->name < first->name)) first = tensor;
    }
    if (first) {
      throw InputError(where_ + ": tensor " + in_quotes(first->name) +
                       " is no part of such a model as the programs run it; without it the logits "
                       "would be wrong");
    }
  }

 private:
  std::unordered_map<std::string, const Tensor*> left_;
  const std::string& where_;
};

void take_attention(Needs& needs, const Shape& s, const std::string& block) {
  const int64_t q = s.heads * s.head_dim, kv = s.kv_heads * s.head_dim;
  needs.take(block + "attn_norm.weight", {s.hidden});
  needs.take(block + "attn_q.weight", {q, s.hidden});
  needs.take(block + "attn_k.weight", {kv, s.hidden});
  needs.take(block + "attn_v.weight", {kv, s.hidden});
  needs.take(block + "attn_output.weight", {s.hidden, q});
  if (!s.qk_norm) return;
  needs.take(block + "attn_q_norm.weight", {s.head_dim});
  needs.take(block + "attn_k_norm.weight", {s.head_dim});
}

// `suffix` is what experts have in their names: "_exps" or ".7".
void take_mlp(Needs& needs, const std::string& block, const std::string& suffix,
              const Dimensions& up, const Dimensions& down) {
  needs.take(block + "ffn_gate" + suffix + ".weight", up);
  needs.take(block + "ffn_up" + suffix + ".weight", up);
  needs.take(block + "ffn_down" + suffix + ".weight", down);
}

void take_experts(Needs& needs, const Shape& s, const std::string& block) {
  const int64_t rows = s.expert_intermediate;
  needs.take(block + "ffn_gate_inp.weight", {s.experts, s.hidden});
  if (needs.has(block + "ffn_gate_exps.weight")) {
    return take_mlp(needs, block, "_exps", {s.experts, rows, s.hidden},
                    {s.experts, s.hidden, rows});
  }
  for (int64_t expert = 0; expert < s.experts; ++expert) {
    take_mlp(needs, block, std::string(".") += std::to_string(expert), {rows, s.hidden},
             {s.hidden, rows});
  }
}

}  // namespace

void check_places(const std::vector<Tensor>& tensors, const std::string& where) {
  std::unordered_map<std::string_view, int> names;
  std::map<const uint8_t*, const Tensor*> places;
  for (const Tensor& tensor : tensors) {
    if (!names.emplace(tensor.name, 0).second) {
      throw InputError(where + ": tensor " + in_quotes(tensor.name) + " is there twice");
    }
    const auto address = reinterpret_cast<uintptr_t>(tensor.data);
    if (address % static_cast<uintptr_t>(tensor_type(tensor.type)->alignment) != 0) {
      throw InputError(where + ": tensor " + in_quotes(tensor.name) + " is not aligned to its " +
                       tensor.type + " elements; write the file anew with a current tool");
    }
    if (!places.emplace(tensor.data, &tensor).second) {
      throw InputError(where + ": tensor " + in_quotes(tensor.name) + " begins where another does");
    }
  }
  const Tensor* before = nullptr;
  for (const auto& [place, tensor] : places) {
    if (before && before->data + before->bytes > place) {
      throw InputError(where + ": tensors " + in_quotes(before->name) + " and " +
                       in_quotes(tensor->name) + " overlap");
    }
    before = tensor;
  }
}

void check_model(const Shape& s, const std::vector<Tensor>& tensors, const std::string& where) {
  Needs needs(tensors, where);
  needs.take("token_embd.weight", {s.vocab, s.hidden});
  needs.take("output_norm.weight", {s.hidden});
  if (s.tied) {
    needs.take_if_there("output.weight", {s.vocab, s.hidden});  // a copy that is not read
  } else {
    needs.take("output.weight", {s.vocab, s.hidden});
  }
  needs.take_if_there("rope_freqs.weight", {s.head_dim / 2});
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    take_attention(needs, s, block);
    needs.take(block + "ffn_norm.weight", {s.hidden});
    if (s.experts > 0) {
      take_experts(needs, s, block);
    } else {
      take_mlp(needs, block, "", {s.intermediate, s.hidden}, {s.hidden, s.intermediate});
    }
  }
  needs.refuse_the_rest();
}

}  // namespace membound

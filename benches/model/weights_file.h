// SPDX-License-Identifier: Apache-2.0
// Files of weights: GGUF and safetensors, mapped read-only. Nothing in a file is believed before it
// was compared with the file's size; what does not fit is an InputError with one line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "benches/model/mapped_file.h"
#include "benches/model/shape.h"

namespace membound {

// Names are GGUF's: token_embd.weight, output_norm.weight, output.weight (absent where tied),
// rope_freqs.weight, and blk.N. with attn_norm, attn_q, attn_k, attn_v, attn_output, attn_q_norm,
// attn_k_norm, ffn_norm, ffn_gate, ffn_up, ffn_down .weight. The experts of a mixture are
// blk.N.ffn_gate_exps.weight [experts, rows, columns] (ffn_up_exps, ffn_down_exps) in GGUF and
// blk.N.ffn_gate.E.weight (ffn_up, ffn_down), one tensor each, in safetensors; the router is
// blk.N.ffn_gate_inp.weight in both.
struct Tensor {
  std::string name;
  std::string type;            // "f32", "bf16", "q8_0", ...: tensor_types.h
  std::vector<int64_t> shape;  // outermost first: [rows, columns]
  int64_t bytes;
  const uint8_t* data;  // aligned to the type's elements
};

// All that is known of a file, whether or not it can be run.
struct WeightsContents {
  std::string format;        // "gguf" or "safetensors"
  std::string architecture;  // GGUF's name of it: "llama", "qwen3", "qwen3moe", ...
  std::optional<Shape> shape;
  std::string problem;  // why it can't be run, in words; empty: it can
  bool interleaved_rope = false;
  std::vector<Tensor> tensors;
  std::vector<MappedFile> files;  // that the tensors point into
};

// `path` is a .gguf, a .safetensors, an index.json of its shards, or a folder with these;
// config.json stands beside safetensors. Throws InputError for a broken file, not for one that
// can't be run.
WeightsContents read_weights(const std::string& path);

class WeightsFile {
 public:
  explicit WeightsFile(WeightsContents contents);
  virtual ~WeightsFile() = default;

  const Shape& shape() const { return *contents_.shape; }
  const std::string& architecture() const { return contents_.architecture; }
  const std::vector<Tensor>& tensors() const { return contents_.tensors; }
  const Tensor* find(const std::string& name) const;  // null if absent

  // Rows of attn_q and attn_k are permuted so that the pairs which are rotated are neighbours
  // (GGUF, architecture llama); false: the halves of a head are apart (Hugging Face, qwen3).
  bool interleaved_rope() const { return contents_.interleaved_rope; }

 private:
  WeightsContents contents_;
  std::unordered_map<std::string, size_t> by_name_;
};

// A model whose every needed tensor is there in its shape. Types are not judged: see
// require_runnable_types(). Throws InputError with one line.
std::unique_ptr<WeightsFile> open_weights(const std::string& path);

// Throws InputError that names a tensor whose type no kernel reads.
void require_runnable_types(const WeightsFile& weights, const std::string& where);

// Whether `path` names weights by what it is called or holds; false for ids and config.json.
bool names_weights(const std::string& path);

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/model/file_weights.h"

#include <mutex>

#include "benches/harness/parallel.h"
#include "benches/model/describe_weights.h"
#include "benches/model/file_rows.h"

namespace membound {
namespace {

constexpr int64_t kChunkBytes = int64_t{4} << 20;

class Loader {
 public:
  Loader(const Device& device, const WeightsFile& file, const Types& types)
      : device_(device), file_(file), types_(types), s_(file.shape()) {}

  DeviceWeights all() {
    DeviceWeights weights(s_, types_);
    weights.embedding = table("token_embd.weight", types_.embedding);
    if (!s_.tied) weights.own_head = table("output.weight", types_.head);
    weights.final_norm = floats("output_norm.weight");
    for (int64_t i = 0; i < s_.layers; ++i) {
      prefix_ = "blk." + std::to_string(i) + ".";
      weights.layers.push_back(layer());
    }
    return weights;
  }

 private:
  DeviceWeights::Layer layer() {
    DeviceWeights::Layer layer;
    layer.attn_norm = floats(prefix_ + "attn_norm.weight");
    layer.mlp_norm = floats(prefix_ + "ffn_norm.weight");
    const int64_t head_dim = file_.interleaved_rope() ? s_.head_dim : 0;
    FileRows qkv = rows_of(types_.weights, s_.hidden);
    qkv.add(part("attn_q", s_.heads * s_.head_dim, head_dim));
    qkv.add(part("attn_k", s_.kv_heads * s_.head_dim, head_dim));
    qkv.add(part("attn_v", s_.kv_heads * s_.head_dim));
    layer.qkv = load({qkv});
    FileRows o = rows_of(types_.weights, s_.heads * s_.head_dim);
    o.add(part("attn_output", s_.hidden));
    layer.o = load({o});
    if (s_.qk_norm) {
      layer.q_norm = floats(prefix_ + "attn_q_norm.weight");
      layer.k_norm = floats(prefix_ + "attn_k_norm.weight");
    }
    if (s_.experts > 0) layer.router = floats(prefix_ + "ffn_gate_inp.weight");
    std::vector<FileRows> gate_up, down;
    for (int64_t e = 0; e < s_.mlps(); ++e) {
      FileRows& both = gate_up.emplace_back(rows_of(types_.weights, s_.hidden));
      both.add(mlp_part("ffn_gate", s_.inner(), both.row_bytes(), e));
      both.add(mlp_part("ffn_up", s_.inner(), both.row_bytes(), e));
      FileRows& one = down.emplace_back(rows_of(types_.weights, s_.inner()));
      one.add(mlp_part("ffn_down", s_.hidden, one.row_bytes(), e));
    }
    layer.gate_up = load(gate_up);
    layer.down = load(down);
    return layer;
  }

  const Tensor& tensor(const std::string& name) const {
    const Tensor* found = file_.find(name);
    MEMBOUND_CHECK(found != nullptr, "the file has no " + name);
    return *found;
  }

  RowsPart part(const std::string& role, int64_t rows, int64_t head_dim = 0) const {
    return {tensor(prefix_ + role + ".weight").data, rows, head_dim};
  }

  // Of a dense MLP, or of one expert: a part of one tensor, or a tensor of its own.
  RowsPart mlp_part(const std::string& role, int64_t rows, int64_t row_bytes,
                    int64_t expert) const {
    if (s_.experts == 0) return part(role, rows);
    if (const Tensor* together = file_.find(prefix_ + role + "_exps.weight")) {
      return {together->data + expert * rows * row_bytes, rows};
    }
    return part(role + "." + std::to_string(expert), rows);
  }

  FileRows rows_of(const std::string& dtype, int64_t columns) const {
    return {dtype, columns, device_.info().panel_rows};
  }

  Buffer table(const std::string& name, const std::string& dtype) const {
    FileRows rows = rows_of(dtype, s_.hidden);
    rows.add({tensor(name).data, s_.vocab});
    return load({rows});
  }

  // Matrices one after the other, read and packed by all cores. A device takes calls from one
  // thread at a time.
  Buffer load(const std::vector<FileRows>& matrices) const {
    struct Chunk {
      const FileRows* rows;
      int64_t first, count, offset;
    };
    std::vector<Chunk> chunks;
    int64_t bytes = 0;
    const int64_t panel = std::max(1, device_.info().panel_rows);
    for (const FileRows& rows : matrices) {
      const int64_t most = std::max<int64_t>(1, kChunkBytes / (panel * rows.row_bytes())) * panel;
      for (int64_t first = 0; first < rows.rows(); first += most) {
        const int64_t count = std::min(most, rows.rows() - first);
        chunks.push_back({&rows, first, count, bytes});
        bytes += count * rows.row_bytes();
      }
    }
    Buffer buffer = device_.alloc(bytes);
    std::mutex one_at_a_time;
    parallel_for(static_cast<int64_t>(chunks.size()), [&](int64_t i) {
      const Chunk& chunk = chunks[static_cast<size_t>(i)];
      std::vector<uint8_t> packed(static_cast<size_t>(chunk.count * chunk.rows->row_bytes()));
      chunk.rows->copy(chunk.first, chunk.count, packed.data());
      const std::lock_guard lock(one_at_a_time);
      device_.copy(buffer.at(chunk.offset), packed.data(), static_cast<int64_t>(packed.size()));
    });
    return buffer;
  }

  Buffer floats(const std::string& name) const {
    const Tensor& from = tensor(name);
    const auto wide =
        reference::widen({from.data, from.data + from.bytes}, from.type, from.shape.back());
    const std::vector<float> values(wide.begin(), wide.end());
    Buffer buffer = device_.alloc(static_cast<int64_t>(values.size()) * 4);
    device_.copy(buffer.data(), values.data(), buffer.bytes());
    return buffer;
  }

  const Device& device_;
  const WeightsFile& file_;
  const Types& types_;
  const Shape& s_;
  std::string prefix_;  // of the tensors of a layer
};

bool is_matrix_of_layer(const Tensor& tensor) {
  const std::string kind = tensor_class(tensor.name);
  return kind == "attention" || kind == "mlp" || kind == "experts";
}

}  // namespace

Types file_types(const WeightsFile& file, const std::string& cache, const std::string& where) {
  require_runnable_types(file, where);
  Types types{.cache = cache};
  std::string first;
  for (const Tensor& tensor : file.tensors()) {
    if (!is_matrix_of_layer(tensor)) continue;
    if (types.weights.empty()) first = tensor.name;
    if (types.weights.empty()) types.weights = tensor.type;
    if (tensor.type == types.weights) continue;
    throw InputError(where + ": tensor " + tensor.name + " is " + tensor.type + " and " + first +
                     " is " + types.weights +
                     "; matrices of layers can be run where all are of one type");
  }
  const Tensor* head = file.find("output.weight");
  types.embedding = file.find("token_embd.weight")->type;
  types.head = head == nullptr ? types.embedding : head->type;
  return types;
}

DeviceWeights load_weights(const Device& device, const Shape& shape, const Types& types,
                           const WeightsFile* file) {
  if (file == nullptr) return DeviceWeights(device, shape, types);
  return Loader(device, *file, types).all();
}

}  // namespace membound

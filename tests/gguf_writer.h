// SPDX-License-Identifier: Apache-2.0
// GGUF files in memory, whole or broken, for the tests of the reader.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace membound {

// Value types as files number them.
enum GgufType : uint32_t { kGgufU32 = 4, kGgufF32 = 6, kGgufString = 8, kGgufArray = 9 };

struct GgufEntry {
  std::string name;
  std::vector<uint64_t> shape;  // outermost first
  uint32_t type = 0;            // f32
  uint64_t bytes = 0;           // 0: as f32 of that shape
  int64_t offset = -1;          // -1: behind the one before
};

// A test changes what it breaks and leaves the rest.
struct GgufWriter {
  std::string magic = "GGUF";
  uint32_t version = 3;
  int64_t tensor_count = -1, key_count = -1;  // -1: the true ones
  std::vector<std::string> keys;              // each whole, as it lies in the file
  std::vector<GgufEntry> tensors;
  size_t header_bytes = 0;  // of the last bytes()

  static std::string raw(const void* data, size_t size) {
    return std::string(static_cast<const char*>(data), size);
  }
  template <typename Number>
  static std::string number(Number value) {
    return raw(&value, sizeof value);
  }
  static std::string text(const std::string& value) {
    return number<uint64_t>(value.size()) + value;
  }
  static std::string pair(const std::string& key, uint32_t type, const std::string& value) {
    return text(key) + number(type) + value;
  }

  void add(const std::string& key, uint32_t value) {
    keys.push_back(pair(key, kGgufU32, number(value)));
  }
  void add(const std::string& key, float value) {
    keys.push_back(pair(key, kGgufF32, number(value)));
  }
  void add(const std::string& key, const std::string& value) {
    keys.push_back(pair(key, kGgufString, text(value)));
  }
  // Puts another value in the place of the key's.
  void replace(const std::string& key, uint32_t type, const std::string& value) {
    for (auto& entry : keys) {
      if (entry.rfind(text(key), 0) == 0) entry = pair(key, type, value);
    }
  }
  void remove(const std::string& key) {
    std::erase_if(keys, [&](const auto& entry) { return entry.rfind(text(key), 0) == 0; });
  }
  GgufEntry& tensor(const std::string& name) {
    for (auto& entry : tensors) {
      if (entry.name == name) return entry;
    }
    return tensors.emplace_back(GgufEntry{name, {}});
  }

  std::string bytes() {
    std::string file = magic + number(version);
    file += number<int64_t>(tensor_count < 0 ? int64_t(tensors.size()) : tensor_count);
    file += number<int64_t>(key_count < 0 ? int64_t(keys.size()) : key_count);
    for (const auto& key : keys) file += key;
    uint64_t end = 0;
    for (const auto& entry : tensors) {
      file += text(entry.name) + number<uint32_t>(entry.shape.size());
      uint64_t bytes = 4;
      for (size_t i = entry.shape.size(); i-- > 0;) {
        file += number(entry.shape[i]);
        bytes *= entry.shape[i];
      }
      const uint64_t offset = entry.offset < 0 ? end : static_cast<uint64_t>(entry.offset);
      file += number(entry.type);
      file += number(offset);
      end = std::max(end, padded(offset + (entry.bytes ? entry.bytes : bytes)));
    }
    header_bytes = file.size();
    constexpr uint64_t kMostData = 1 << 20;  // a broken size is not to be written out
    file.resize(padded(header_bytes) + (end < kMostData ? end : 0), '\x11');
    return file;
  }

  static uint64_t padded(uint64_t size) { return (size + 31) / 32 * 32; }
};

// A whole little model: hidden 32, 2 heads of 16 over one of keys, 8 tokens, MLP of 48 or 4 experts
// of 32 rows of which a token takes 2.
inline GgufWriter tiny_gguf(const std::string& architecture, bool tied = false) {
  GgufWriter file;
  const std::string a = architecture + ".";
  const bool mixture = architecture == "qwen3moe", normed = architecture != "llama";
  file.add("general.architecture", architecture);
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, uint32_t>>{{"embedding_length", 32},
                                                     {"block_count", 1},
                                                     {"attention.head_count", 2},
                                                     {"attention.head_count_kv", 1},
                                                     {"attention.key_length", 16},
                                                     {"attention.value_length", 16},
                                                     {"feed_forward_length", 48}}) {
    file.add(a + key, value);
  }
  file.add(a + "attention.layer_norm_rms_epsilon", 1e-6f);
  file.add(a + "rope.freq_base", 500000.0f);
  if (mixture) {
    file.add(a + "expert_count", 4u);
    file.add(a + "expert_used_count", 2u);
    file.add(a + "expert_feed_forward_length", 32u);
  }
  const std::string b = "blk.0.";
  file.tensors = {{"token_embd.weight", {8, 32}},       {"output_norm.weight", {32}},
                  {b + "attn_norm.weight", {32}},       {b + "attn_q.weight", {32, 32}},
                  {b + "attn_k.weight", {16, 32}},      {b + "attn_v.weight", {16, 32}},
                  {b + "attn_output.weight", {32, 32}}, {b + "ffn_norm.weight", {32}}};
  if (!tied) file.tensors.push_back({"output.weight", {8, 32}});
  if (normed) {
    file.tensors.push_back({b + "attn_q_norm.weight", {16}});
    file.tensors.push_back({b + "attn_k_norm.weight", {16}});
  }
  if (mixture) {
    file.tensors.push_back({b + "ffn_gate_inp.weight", {4, 32}});
    for (const char* part : {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"}) {
      file.tensors.push_back({b + part + ".weight", {4, 32, 32}});
    }
  } else {
    file.tensors.push_back({b + "ffn_gate.weight", {48, 32}});
    file.tensors.push_back({b + "ffn_up.weight", {48, 32}});
    file.tensors.push_back({b + "ffn_down.weight", {32, 48}});
  }
  return file;
}

}  // namespace membound

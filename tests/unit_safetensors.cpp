// SPDX-License-Identifier: Apache-2.0
// Safetensors: one file's header, an index of files, and a model's folder with its config.json.
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "backends/error.h"
#include "benches/model/bounded_json.h"
#include "benches/model/describe_weights.h"
#include "benches/model/safetensors.h"
#include "benches/model/safetensors_model.h"

namespace membound {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPair =
    R"({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]},
        "__metadata__": {"format": "pt"}})";

std::string file_of(const std::string& header, size_t data_bytes) {
  // As writers do: spaces until the data are aligned.
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  const uint64_t size = padded.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + padded +
         std::string(data_bytes, '\x11');
}

std::string problem_of(const std::string& content) {
  // Of exactly this size, so that AddressSanitizer sees a read behind it.
  const auto data = std::make_unique<uint8_t[]>(content.size());
  std::copy(content.begin(), content.end(), data.get());
  try {
    parse_safetensors({data.get(), content.size()}, "m.safetensors");
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "";
}

void expect_problem(const std::string& content, const std::string& part) {
  EXPECT_NE(problem_of(content).find(part), std::string::npos) << problem_of(content);
}

// `header` with one piece of text replaced by another.
std::string changed(const std::string& from, const std::string& to, size_t data_bytes = 32) {
  std::string header = kPair;
  header.replace(header.find(from), from.size(), to);
  return file_of(header, data_bytes);
}

TEST(Safetensors, WholeFileIsRead) {
  const std::string content = file_of(kPair, 32);
  const auto* data = reinterpret_cast<const uint8_t*>(content.data());
  const auto tensors = parse_safetensors({data, content.size()}, "");
  ASSERT_EQ(tensors.size(), 2);
  EXPECT_EQ(tensors[0].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(tensors[1].type, "bf16");
  EXPECT_EQ(tensors[1].data + 8, data + content.size());
}

TEST(Safetensors, TruncatedAnywhereIsOneLine) {
  const std::string whole = file_of(kPair, 32);
  for (size_t size = 0; size < whole.size(); ++size) {
    ASSERT_NE(problem_of(whole.substr(0, size)), "") << size;
  }
}

TEST(Safetensors, AnyByteMayBeAnything) {
  const std::string whole = file_of(kPair, 32);
  for (size_t at = 0; at < whole.size() - 32; ++at) {
    for (int value = 0; value < 256; value += 5) {
      std::string broken = whole;
      broken[at] = static_cast<char>(value);
      problem_of(broken);
    }
  }
}

TEST(Safetensors, BrokenHeadersAreRefused) {
  std::string content = file_of(kPair, 32);
  for (const uint64_t size : {uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 7, uint64_t{1} << 40}) {
    std::copy_n(reinterpret_cast<const char*>(&size), 8, content.begin());
    expect_problem(content, "its header would have");
  }
  expect_problem(file_of("[]", 0), "no JSON object");
  expect_problem(file_of("{", 0), "not valid JSON");
  expect_problem(file_of("{\"a\": 7}", 0), "no description");
  expect_problem(file_of(std::string(100000, '['), 0), "nested");
  expect_problem(file_of("{\"a\": {\"a\": {\"a\": {\"a\": 1}}}}", 0), "nested");
  std::string many = "{\"a\": [0";
  for (int i = 0; i < 5000000; ++i) many += ",0";
  expect_problem(file_of(many + "]}", 0), "JSON values");
  expect_problem(changed("\"b\"", "\"a\""), "twice");
  expect_problem(changed("\"b\"", "\"\xFF\""), "not valid JSON");
}

TEST(Safetensors, TensorsThatCannotBeAreRefused) {
  expect_problem(changed("F32", "F33"), "unknown");
  expect_problem(changed("[2, 3]", "[2, 0]"), "dimension");
  expect_problem(changed("[2, 3]", "[-2, 3]"), "whole numbers");
  expect_problem(changed("[2, 3]", "[2.5, 3]"), "whole numbers");
  expect_problem(changed("[2, 3]", "[9223372036854775807, 3]"), "too large");
  expect_problem(changed("[2, 3]", "[18446744073709551615]"), "whole numbers");
  expect_problem(changed("[2, 3]", "[1,1,1,1,1,1,1,6,1]"), "too many dimensions");
  expect_problem(changed("[2, 3]", "\"2\""), "no shape");
  expect_problem(changed("[0, 24]", "[0, 20]"), "its shape asks for 24");
  expect_problem(changed("[0, 24]", "[24, 0]"), "beyond");
  expect_problem(changed("[0, 24]", "[0]"), "beyond");
  expect_problem(changed("[24, 32]", "[1000, 1008]"), "beyond");
  expect_problem(changed("[24, 32]", "[18446744073709551608, 18446744073709551615]"), "whole");
  expect_problem(changed("[24, 32]", "[16, 24]"), "overlap");
  expect_problem(changed("[24, 32]", "[25, 33]", 33), "not aligned");
  expect_problem(changed("F32", "F32", 40), "its tensors have 32 bytes and its data 40");
}

TEST(Safetensors, ScalarsAreDescribed) {
  const std::string content = file_of(
      R"({"model.embed_tokens.weight": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}})", 4);
  WeightsContents contents;
  contents.tensors =
      parse_safetensors({reinterpret_cast<const uint8_t*>(content.data()), content.size()}, "");
  contents.tensors[0].name = gguf_name(contents.tensors[0].name);
  EXPECT_EQ(describe(contents)["tensors"]["embedding"]["bytes"], 4);
  EXPECT_EQ(describe(contents)["decode_token_bytes"]["embedding"], 0);
}

TEST(Safetensors, IndexNamesFilesBesideIt) {
  const auto problem = [](const json& index) -> std::string {
    try {
      parse_index(index, "i.json");
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(problem({{"weight_map", {{"a", "x.safetensors"}}}}), "");
  for (const json& file : {json("../x.safetensors"), json("/x.safetensors"), json(""), json(1),
                           json("config.json"), json(std::string("x\0.safetensors", 14))}) {
    EXPECT_NE(problem({{"weight_map", {{"a", file}}}}).find("no .safetensors file"),
              std::string::npos)
        << file;
  }
  for (const json& index : {json(), json::array(), json{{"weight_map", 1}}, json::object()}) {
    EXPECT_NE(problem(index).find("weight_map"), std::string::npos);
  }
}

TEST(Safetensors, NamesBecomeGgufs) {
  EXPECT_EQ(gguf_name("model.embed_tokens.weight"), "token_embd.weight");
  EXPECT_EQ(gguf_name("lm_head.weight"), "output.weight");
  EXPECT_EQ(gguf_name("model.norm.weight"), "output_norm.weight");
  EXPECT_EQ(gguf_name("model.layers.12.self_attn.q_proj.weight"), "blk.12.attn_q.weight");
  EXPECT_EQ(gguf_name("model.layers.0.self_attn.q_proj.bias"), "blk.0.attn_q.bias");
  EXPECT_EQ(gguf_name("model.layers.3.mlp.gate.weight"), "blk.3.ffn_gate_inp.weight");
  EXPECT_EQ(gguf_name("model.layers.3.mlp.experts.7.up_proj.weight"), "blk.3.ffn_up.7.weight");
  for (const char* other : {"", ".", "model", "model.layers.", "visual.patch.weight",
                            "model.layers.0.mlp.experts.", "model.layers.0.other.weight"}) {
    EXPECT_EQ(gguf_name(other), other);
  }
}

// A folder with a llama of one layer, in as many files as asked for.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("membound_model_" + std::to_string(getpid()))) {
    fs::remove_all(path_);
    fs::create_directory(path_);
    const std::string layer = "model.layers.0.";
    shapes_ = {{"model.embed_tokens.weight", {8, 32}},
               {"model.norm.weight", {32}},
               {layer + "input_layernorm.weight", {32}},
               {layer + "self_attn.q_proj.weight", {32, 32}},
               {layer + "self_attn.k_proj.weight", {16, 32}},
               {layer + "self_attn.v_proj.weight", {16, 32}},
               {layer + "self_attn.o_proj.weight", {32, 32}},
               {layer + "post_attention_layernorm.weight", {32}},
               {layer + "mlp.gate_proj.weight", {48, 32}},
               {layer + "mlp.up_proj.weight", {48, 32}},
               {layer + "mlp.down_proj.weight", {32, 48}}};
    config = {{"model_type", "llama"},  {"hidden_size", 32},          {"intermediate_size", 48},
              {"num_hidden_layers", 1}, {"num_attention_heads", 2},   {"num_key_value_heads", 1},
              {"vocab_size", 8},        {"tie_word_embeddings", true}};
  }
  ~Folder() { fs::remove_all(path_); }

  void write_config() const { std::ofstream(path_ / "config.json") << config; }

  // Tensor i goes into file i % files; with more than one there is an index.
  void write_weights(size_t files) const {
    json index;
    std::vector<json> headers(files);
    std::vector<int64_t> ends(files);
    size_t i = 0;
    for (const auto& [name, shape] : shapes_) {
      const size_t file = i++ % files;
      int64_t bytes = 2;
      for (const int64_t size : shape) bytes *= size;
      headers[file][name] = {
          {"dtype", "F16"}, {"shape", shape}, {"data_offsets", {ends[file], ends[file] + bytes}}};
      ends[file] += bytes;
      index["weight_map"][name] = name_of(file, files);
    }
    for (size_t file = 0; file < files; ++file) {
      std::ofstream(path_ / name_of(file, files), std::ios::binary)
          << file_of(headers[file].dump(), static_cast<size_t>(ends[file]));
    }
    if (files > 1) std::ofstream(path_ / "model.safetensors.index.json") << index;
  }

  std::string problem() const {
    try {
      open_weights(path_.string());
    } catch (const InputError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "";
  }

  const fs::path& path() const { return path_; }
  json config;

 private:
  static std::string name_of(size_t file, size_t files) {
    return files == 1 ? "model.safetensors" : "part" + std::to_string(file) + ".safetensors";
  }

  fs::path path_;
  std::map<std::string, std::vector<int64_t>> shapes_;
};

TEST(SafetensorsModel, OneFileOrManyAreTheSameModel) {
  for (const size_t files : {1, 3}) {
    Folder folder;
    folder.write_config();
    folder.write_weights(files);
    const auto weights = open_weights(folder.path().string());
    EXPECT_EQ(weights->architecture(), "llama");
    EXPECT_FALSE(weights->interleaved_rope());
    EXPECT_EQ(weights->tensors().size(), 11);
    EXPECT_EQ(weights->find("blk.0.attn_k.weight")->shape, (std::vector<int64_t>{16, 32}));
    EXPECT_EQ(weights->find("blk.0.attn_k.weight")->type, "f16");
    EXPECT_EQ(weights->find("output.weight"), nullptr);
    EXPECT_EQ(weights->shape().id, folder.path().filename().string());
    EXPECT_EQ(describe(read_weights(folder.path().string()))["decode_token_bytes"]["head"], 512);
    require_runnable_types(*weights, "");
    EXPECT_TRUE(names_weights(folder.path().string()));
  }
}

TEST(SafetensorsModel, WithoutAConfigItIsDescribed) {
  const Folder folder;
  folder.write_weights(1);
  EXPECT_NE(folder.problem().find("no config.json"), std::string::npos);
  const auto told = describe(read_weights(folder.path().string()));
  EXPECT_EQ(told["tensors"]["mlp"]["count"], 3);
  EXPECT_TRUE(told["shape"].is_null());
}

TEST(SafetensorsModel, ConfigAndTensorsMustAgree) {
  Folder folder;
  folder.write_weights(1);
  folder.config["intermediate_size"] = 64;
  folder.write_config();
  EXPECT_NE(folder.problem().find("asks for [64, 32]"), std::string::npos);
  folder.config["intermediate_size"] = -1;
  folder.write_config();
  EXPECT_NE(folder.problem().find("intermediate_size must be"), std::string::npos);
  folder.config["model_type"] = "gpt2";
  folder.write_config();
  EXPECT_NE(folder.problem().find("'gpt2' can't be run"), std::string::npos);
  for (const char* text : {"", "{", "[]", "\xFF", "null"}) {
    std::ofstream(folder.path() / "config.json") << text;
    EXPECT_NE(folder.problem(), "") << text;
  }
}

TEST(SafetensorsModel, FilesAndIndexMustAgree) {
  Folder folder;
  EXPECT_NE(folder.problem().find("holds no .safetensors"), std::string::npos);
  folder.write_config();
  folder.write_weights(2);
  const fs::path index_path = folder.path() / "model.safetensors.index.json";
  json index;
  std::ifstream(index_path) >> index;
  json wrong = index;
  wrong["weight_map"]["model.norm.weight"] = "part0.safetensors";
  wrong["weight_map"]["model.embed_tokens.weight"] = "part1.safetensors";
  std::ofstream(index_path) << wrong;
  EXPECT_NE(folder.problem().find("does not look for it"), std::string::npos);
  wrong = index;
  wrong["weight_map"]["more"] = "part1.safetensors";
  std::ofstream(index_path) << wrong;
  EXPECT_NE(folder.problem().find("names 12 tensors"), std::string::npos);
  wrong = index;
  wrong["weight_map"]["model.norm.weight"] = "absent.safetensors";
  std::ofstream(index_path) << wrong;
  EXPECT_NE(folder.problem().find("No such file"), std::string::npos);
  fs::remove(index_path);
  EXPECT_NE(folder.problem().find("several .safetensors"), std::string::npos);
}

TEST(SafetensorsModel, OddPathsAreOneLine) {
  for (const char* path :
       {"/nowhere/m.gguf", "/dev/null", "/dev/zero", "/", "", "/proc/self/mem"}) {
    EXPECT_THROW(read_weights(path), InputError) << path;
  }
}

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "backends/error.h"
#include "benches/model/shape.h"

namespace membound {
namespace {

using nlohmann::json;

json llama() {
  return {{"hidden_size", 2048},       {"intermediate_size", 8192}, {"num_hidden_layers", 16},
          {"num_attention_heads", 32}, {"num_key_value_heads", 8},  {"vocab_size", 128256}};
}

std::string message_of(const json& config) {
  try {
    shape_from_json(config, "config.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Shape, DefaultsFollowHuggingFace) {
  json config = llama();
  EXPECT_EQ(shape_from_json(config, "").head_dim, 64);
  EXPECT_FALSE(shape_from_json(config, "").tied);
  config.erase("num_key_value_heads");
  EXPECT_EQ(shape_from_json(config, "").kv_heads, 32);
  config["model_type"] = "gemma2";
  EXPECT_TRUE(shape_from_json(config, "").tied);
  config["head_dim"] = 128;
  EXPECT_EQ(shape_from_json(config, "").head_dim, 128);
}

TEST(Shape, TextConfigIsFoundInside) {
  const json nested = {{"model_type", "some_vision_model"}, {"text_config", llama()}};
  EXPECT_EQ(shape_from_json(nested, "").vocab, 128256);
}

TEST(Shape, LeftOutFeaturesAreNamed) {
  json config = llama();
  config["attention_bias"] = true;
  config["sliding_window"] = 4096;
  EXPECT_EQ(shape_from_json(config, "").ignored,
            (std::vector<std::string>{"attention_bias", "sliding_window"}));
}

TEST(Shape, BadNumbersAreNamed) {
  for (const json& bad : {json(0), json(-5), json(1.5), json("2048"), json(1e300), json::array()}) {
    json config = llama();
    config["hidden_size"] = bad;
    EXPECT_NE(message_of(config).find("hidden_size"), std::string::npos) << bad;
  }
  json config = llama();
  config["num_key_value_heads"] = 7;
  EXPECT_NE(message_of(config).find("multiple"), std::string::npos);
  config = llama();
  config.erase("vocab_size");
  EXPECT_EQ(message_of(config), "config.json: vocab_size is missing");
  EXPECT_NE(message_of(json::array()).find("object"), std::string::npos);
}

TEST(Shape, OtherArchitecturesAreRefused) {
  for (const char* key : {"num_local_experts", "num_experts", "n_routed_experts", "kv_lora_rank"}) {
    json config = llama();
    config[key] = 8;
    EXPECT_NE(message_of(config).find(key), std::string::npos);
  }
}

json qwen3_moe() {
  json config = llama();
  config.update({{"model_type", "qwen3_moe"},
                 {"head_dim", 128},
                 {"num_experts", 128},
                 {"num_experts_per_tok", 8},
                 {"moe_intermediate_size", 768},
                 {"norm_topk_prob", true},
                 {"mlp_only_layers", json::array()},
                 {"decoder_sparse_step", 1}});
  return config;
}

TEST(Shape, ExpertsAreReadFromQwen3Moe) {
  const Shape shape = shape_from_json(qwen3_moe(), "");
  EXPECT_TRUE(shape.qk_norm);
  EXPECT_EQ(shape.experts, 128);
  EXPECT_EQ(shape.experts_per_token, 8);
  EXPECT_EQ(shape.expert_intermediate, 768);
  EXPECT_TRUE(shape.norm_top_k);
  json config = qwen3_moe();
  config.erase("norm_topk_prob");
  EXPECT_FALSE(shape_from_json(config, "").norm_top_k);
}

TEST(Shape, Qwen3NormsQueriesAndKeys) {
  json config = llama();
  EXPECT_FALSE(shape_from_json(config, "").qk_norm);
  config["model_type"] = "qwen3";
  EXPECT_TRUE(shape_from_json(config, "").qk_norm);
  EXPECT_EQ(shape_from_json(config, "").experts, 0);
}

TEST(Shape, OddMixturesAreRefused) {
  const std::pair<const char*, json> changes[] = {{"num_experts_per_tok", 129},
                                                  {"num_experts_per_tok", 0},
                                                  {"moe_intermediate_size", nullptr},
                                                  {"mlp_only_layers", {0}},
                                                  {"decoder_sparse_step", 2}};
  for (const auto& [key, value] : changes) {
    json config = qwen3_moe();
    config[key] = value;
    EXPECT_NE(message_of(config).find(key), std::string::npos) << key;
  }
}

// Factors of Llama 3.1 8B: the ends are 1 and 8, and between them the published formula.
TEST(Shape, Llama3ScalingDividesLowFrequencies) {
  json config = llama();
  config["head_dim"] = 128;
  config["rope_theta"] = 500000.0;
  EXPECT_TRUE(shape_from_json(config, "").rope_factors.empty());
  const json scaling = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 8192}};
  config["rope_scaling"] = scaling;
  const Shape shape = shape_from_json(config, "");
  EXPECT_TRUE(shape.ignored.empty());
  ASSERT_EQ(shape.rope_factors.size(), 64);
  EXPECT_EQ(shape.rope_factors[0], 1.0f);
  EXPECT_EQ(shape.rope_factors[63], 8.0f);
  // Wavelength 2 pi 500000^(30 / 64) = 2949.1 lies between 8192 / 4 and 8192: (8192 / 2949.1 - 1) /
  // 3 = 0.5926 of the frequency is kept.
  EXPECT_NEAR(shape.rope_factors[30], 1 / (0.5926 + 0.4074 / 8), 2e-3);
  // As transformers 5 stores it.
  config.erase("rope_scaling");
  config.erase("rope_theta");
  config["rope_parameters"] = scaling;
  config["rope_parameters"]["rope_theta"] = 500000.0;
  EXPECT_EQ(shape_from_json(config, "").rope_factors, shape.rope_factors);
}

TEST(Shape, OtherScalingsAreIgnoredAndNamed) {
  json config = llama();
  config["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  EXPECT_EQ(shape_from_json(config, "").ignored, (std::vector<std::string>{"rope_scaling"}));
  config["rope_scaling"] = {{"rope_type", "default"}};
  EXPECT_TRUE(shape_from_json(config, "").ignored.empty());
  config["rope_scaling"] = {
      {"rope_type", "llama3"}, {"low_freq_factor", 4.0}, {"high_freq_factor", 1.0}};
  EXPECT_NE(message_of(config).find("high_freq_factor"), std::string::npos);
}

TEST(Shape, BrokenFilesAreOneLine) {
  const auto path = std::filesystem::temp_directory_path() / "membound_broken_config.json";
  for (const char* text : {"", "{", "[1,2", "\x80\xff", "null", "{\"hidden_size\": 1e999}"}) {
    std::ofstream(path) << text;
    try {
      read_shape(path.string(), CATALOGUE);
      FAIL() << text;
    } catch (const InputError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
  std::filesystem::remove(path);
}

// A short fuzz: no config makes it crash, and what it accepts is within bounds.
TEST(Shape, RandomConfigsNeverPassOutOfBounds) {
  std::mt19937 random(5);
  const json values[] = {0, 1, 2, 64, 128, 4096, -1, 1LL << 40, 3.5, "8", nullptr, true};
  for (int i = 0; i < 20000; ++i) {
    json config = llama();
    config["head_dim"] = 64;
    for (auto& [key, value] : config.items()) {
      if (random() % 2 == 0) value = values[random() % std::size(values)];
    }
    try {
      const Shape s = shape_from_json(config, "fuzz");
      ASSERT_GE(s.hidden, 1);
      ASSERT_LE(s.hidden, 1 << 24);
      ASSERT_LE(s.layers, 1024);
      ASSERT_EQ(s.heads % s.kv_heads, 0);
      ASSERT_EQ(s.head_dim % 2, 0);
    } catch (const InputError&) {
    }
  }
}

}  // namespace
}  // namespace membound

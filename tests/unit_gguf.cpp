// SPDX-License-Identifier: Apache-2.0
// The GGUF reader: what whole files say, and that broken ones end in one line each.
#include <gtest/gtest.h>

#include <random>

#include "backends/error.h"
#include "benches/model/describe_weights.h"
#include "benches/model/gguf_model.h"
#include "tests/gguf_writer.h"

namespace membound {
namespace {

// In memory of exactly this size, so that AddressSanitizer sees a read behind it.
class Exact {
 public:
  explicit Exact(const std::string& content)
      : data_(new uint8_t[content.size()]), size_(content.size()) {
    std::memcpy(data_.get(), content.data(), content.size());
  }
  Bytes bytes() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<uint8_t[]> data_;
  size_t size_;
};

WeightsContents contents_of(const Exact& file) {
  return gguf_contents(parse_gguf(file.bytes(), "m.gguf"), "m.gguf");
}

// The message; empty when the file is fine.
std::string problem_of(const std::string& content) {
  const Exact file(content);
  try {
    describe(contents_of(file)).dump();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "";
}

#define EXPECT_PROBLEM(writer, part)                                    \
  EXPECT_NE(problem_of((writer).bytes()).find(part), std::string::npos) \
      << problem_of((writer).bytes())

TEST(Gguf, WholeFilesGiveShapeAndTensors) {
  for (const std::string name : {"llama", "qwen3", "qwen3moe"}) {
    GgufWriter writer = tiny_gguf(name, name == "qwen3");
    const Exact file(writer.bytes());
    const WeightsContents contents = contents_of(file);
    const Shape& shape = *contents.shape;
    EXPECT_EQ(contents.architecture, name);
    EXPECT_EQ(contents.problem, "");
    EXPECT_EQ(contents.interleaved_rope, name == "llama");
    EXPECT_EQ(shape.hidden, 32);
    EXPECT_EQ(shape.heads, 2);
    EXPECT_EQ(shape.kv_heads, 1);
    EXPECT_EQ(shape.vocab, 8);
    EXPECT_EQ(shape.tied, name == "qwen3");
    EXPECT_EQ(shape.qk_norm, name != "llama");
    EXPECT_FLOAT_EQ(shape.norm_epsilon, 1e-6);
    EXPECT_FLOAT_EQ(shape.rope_theta, 500000);
    EXPECT_EQ(shape.experts, name == "qwen3moe" ? 4 : 0);
    EXPECT_EQ(contents.tensors[5].shape, (std::vector<int64_t>{16, 32}));
    EXPECT_EQ(contents.tensors[5].bytes, 16 * 32 * 4);
    EXPECT_EQ(contents.tensors[5].data[0], 0x11);
  }
}

TEST(Gguf, BothVersionsAreRead) {
  GgufWriter writer = tiny_gguf("llama");
  writer.version = 2;
  EXPECT_EQ(problem_of(writer.bytes()), "");
  writer.version = 1;
  EXPECT_PROBLEM(writer, "version 1");
  writer.version = 0x03000000;
  EXPECT_PROBLEM(writer, "big-endian");
  writer.magic = "GGML";
  EXPECT_PROBLEM(writer, "not a GGUF file");
}

TEST(Gguf, TruncatedAnywhereIsOneLine) {
  for (const char* name : {"llama", "qwen3moe"}) {
    const std::string whole = tiny_gguf(name).bytes();
    for (size_t size = 0; size < whole.size(); ++size) {
      ASSERT_NE(problem_of(whole.substr(0, size)), "") << size;
    }
  }
}

TEST(Gguf, AnyByteOfTheHeaderMayBeAnything) {
  GgufWriter writer = tiny_gguf("qwen3moe");
  const std::string whole = writer.bytes();
  std::mt19937 random(7);
  for (size_t at = 0; at < writer.header_bytes; ++at) {
    for (const int value : {0, 1, 0x7F, 0x80, 0xFF, int(random() & 255)}) {
      std::string broken = whole;
      broken[at] = static_cast<char>(value);
      problem_of(broken);
    }
  }
  for (int i = 0; i < 5000; ++i) {
    std::string broken = whole;
    for (int change = 0; change < 4; ++change) {
      const size_t at = random() % (writer.header_bytes - 8);
      const uint64_t value = uint64_t{1} << random() % 64;
      std::memcpy(&broken[at], &value, 1 + random() % 8);
    }
    problem_of(broken);
  }
}

TEST(Gguf, AbsurdCountsAreRefusedBeforeTheyCost) {
  GgufWriter writer = tiny_gguf("llama");
  writer.tensor_count = INT64_MAX;
  EXPECT_PROBLEM(writer, "tensors, over");
  writer = tiny_gguf("llama");
  writer.key_count = int64_t{1} << 40;
  EXPECT_PROBLEM(writer, "metadata keys, over");
  writer = tiny_gguf("llama");
  writer.tensor_count = 100000;
  EXPECT_NE(problem_of(writer.bytes()), "");
}

TEST(Gguf, LengthsBeyondTheFileAreRefused) {
  for (const uint64_t length : {uint64_t{1} << 20, uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 7}) {
    GgufWriter writer = tiny_gguf("llama");
    writer.keys.push_back(GgufWriter::number(length) + "name");
    EXPECT_PROBLEM(writer, "ends within");
    writer = tiny_gguf("llama");
    writer.keys.push_back(GgufWriter::pair("text", kGgufString, GgufWriter::number(length)));
    EXPECT_PROBLEM(writer, "ends within");
    for (const uint32_t type : {kGgufU32, kGgufString}) {
      writer = tiny_gguf("llama");
      writer.keys.push_back(GgufWriter::pair(
          "list", kGgufArray, GgufWriter::number(type) + GgufWriter::number(length)));
      EXPECT_NE(problem_of(writer.bytes()), "");
    }
  }
}

TEST(Gguf, StrangeMetadataAreRefused) {
  GgufWriter writer = tiny_gguf("llama");
  writer.add("llama.block_count", 1u);
  EXPECT_PROBLEM(writer, "twice");
  writer = tiny_gguf("llama");
  writer.keys.push_back(
      GgufWriter::pair("nested", kGgufArray,
                       GgufWriter::number(uint32_t{kGgufArray}) + GgufWriter::number(uint64_t{1})));
  EXPECT_PROBLEM(writer, "array of arrays");
  writer = tiny_gguf("llama");
  writer.keys.push_back(GgufWriter::pair("odd", 77, ""));
  EXPECT_PROBLEM(writer, "type 77");
  writer = tiny_gguf("llama");
  writer.add("bad\xFF\nkey", 1u);
  EXPECT_PROBLEM(writer, "UTF-8");
  writer = tiny_gguf("llama");
  writer.add("", 1u);
  EXPECT_PROBLEM(writer, "empty");
  for (const uint32_t alignment : {0u, 1u, 24u, 1u << 31}) {
    writer = tiny_gguf("llama");
    writer.add("general.alignment", alignment);
    EXPECT_PROBLEM(writer, "general.alignment");
  }
}

TEST(Gguf, TensorsThatCannotBeAreRefused) {
  const auto broken = [](const std::function<void(GgufEntry&)>& change) {
    GgufWriter writer = tiny_gguf("llama");
    change(writer.tensor("blk.0.ffn_up.weight"));
    return problem_of(writer.bytes());
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos ? testing::AssertionSuccess()
                                                : testing::AssertionFailure() << text;
  };
  EXPECT_TRUE(has(broken([](auto& t) { t.shape = {0, 32}; }), "dimension"));
  EXPECT_TRUE(has(broken([](auto& t) { t.shape = {}; }), "0 dimensions"));
  EXPECT_TRUE(has(broken([](auto& t) { t.shape = {1, 1, 1, 1, 1}; }), "5 dimensions"));
  EXPECT_TRUE(has(broken([](auto& t) { t.shape = {1ull << 32, 1ull << 32}; }), "too large"));
  EXPECT_TRUE(has(broken([](auto& t) { t.shape = {1ull << 63, 2}; }), "dimension"));
  EXPECT_TRUE(has(broken([](auto& t) { t.shape = {1ull << 40, 32}; }), "beyond the end"));
  EXPECT_TRUE(has(broken([](auto& t) { t.type = 4; }), "type 4"));
  EXPECT_TRUE(has(broken([](auto& t) { t.type = 4000000000u; }), "unknown"));
  EXPECT_TRUE(has(broken([](auto& t) { t.offset = 33; }), "alignment"));
  EXPECT_TRUE(has(broken([](auto& t) {
                    t.offset = 1 << 21;
                    t.bytes = 32;
                  }),
                  "beyond the end"));
  EXPECT_TRUE(has(broken([](auto& t) {
                    t.offset = INT64_MAX - 31;
                    t.bytes = 1;
                  }),
                  "beyond the end"));
  EXPECT_TRUE(has(broken([](auto& t) { t.offset = 0; }), "begins where"));
  EXPECT_TRUE(has(broken([](auto& t) { t.offset = 32; }), "overlap"));
  EXPECT_TRUE(has(broken([](auto& t) { t.name = "token_embd.weight"; }), "twice"));
  EXPECT_TRUE(has(broken([](auto& t) { t.name = "\xC3("; }), "UTF-8"));
  // 48 columns are no whole blocks of 32.
  GgufWriter writer = tiny_gguf("llama");
  writer.tensor("blk.0.ffn_down.weight").type = 8;
  EXPECT_PROBLEM(writer, "q8_0 blocks");
}

TEST(Gguf, MetadataAndTensorsMustAgree) {
  GgufWriter writer = tiny_gguf("llama");
  writer.replace("llama.feed_forward_length", kGgufU32, GgufWriter::number(64u));
  EXPECT_PROBLEM(writer, "is [48, 32]; the model's shape asks for [64, 32]");
  writer = tiny_gguf("llama");
  writer.replace("llama.block_count", kGgufU32, GgufWriter::number(2u));
  EXPECT_PROBLEM(writer, "blk.1.attn_norm.weight is missing");
  writer = tiny_gguf("llama");
  writer.tensors.push_back({"blk.0.attn_q.bias", {32}});
  EXPECT_PROBLEM(writer, "'blk.0.attn_q.bias' is no part");
  writer = tiny_gguf("llama");
  writer.replace("llama.attention.head_count_kv", kGgufU32, GgufWriter::number(3u));
  EXPECT_PROBLEM(writer, "multiple");
  writer = tiny_gguf("llama");
  writer.replace("llama.attention.key_length", kGgufU32, GgufWriter::number(15u));
  EXPECT_PROBLEM(writer, "even size");
  for (const char* key : {"embedding_length", "block_count", "attention.head_count"}) {
    writer = tiny_gguf("llama");
    writer.replace(std::string("llama.") + key, kGgufU32, GgufWriter::number(0u));
    EXPECT_PROBLEM(writer, key);
    writer.replace(std::string("llama.") + key, kGgufString, GgufWriter::text("many"));
    EXPECT_PROBLEM(writer, key);
    writer.remove(std::string("llama.") + key);
    EXPECT_PROBLEM(writer, "is missing");
  }
  writer = tiny_gguf("qwen3moe");
  writer.replace("qwen3moe.expert_used_count", kGgufU32, GgufWriter::number(5u));
  EXPECT_PROBLEM(writer, "from 1 to 4");
  writer = tiny_gguf("llama");
  writer.add("split.count", 3u);
  EXPECT_PROBLEM(writer, "one of 3 parts");
}

TEST(Gguf, RopeFactorsComeFromTheTensorOrTheScale) {
  GgufWriter writer = tiny_gguf("llama");
  writer.tensors.push_back({"rope_freqs.weight", {8}});  // bytes 0x11: about 1.1e-28 each
  EXPECT_EQ(contents_of(Exact(writer.bytes())).shape->rope_factors.size(), 8);
  writer.tensor("rope_freqs.weight").shape = {9};
  EXPECT_PROBLEM(writer, "rope_freqs.weight must be f32 with 8");
  writer = tiny_gguf("llama");
  writer.add("llama.rope.scaling.factor", 4.0f);
  EXPECT_EQ(contents_of(Exact(writer.bytes())).shape->rope_factors, std::vector<float>(8, 4.0f));
  writer.add("llama.rope.scaling.type", "yarn");
  const Shape yarn = *contents_of(Exact(writer.bytes())).shape;
  EXPECT_TRUE(yarn.rope_factors.empty());
  EXPECT_EQ(yarn.ignored, std::vector<std::string>{"rope.scaling.type 'yarn'"});
}

TEST(Gguf, OtherArchitecturesAreDescribedAndNotRun) {
  GgufWriter writer = tiny_gguf("qwen2");
  const WeightsContents contents = contents_of(Exact(writer.bytes()));
  EXPECT_NE(contents.problem.find("'qwen2' can't be run"), std::string::npos);
  EXPECT_EQ(contents.shape->hidden, 32);
  writer.remove("qwen2.embedding_length");
  EXPECT_FALSE(contents_of(Exact(writer.bytes())).shape);
}

TEST(Gguf, DescriptionCountsWhatATokenReads) {
  GgufWriter dense = tiny_gguf("qwen3", true);
  const Exact file(dense.bytes());
  const auto told = describe(contents_of(file));
  EXPECT_EQ(told["bytes"],
            4 * (8 * 32 + 3 * 32 + 2 * 16 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32));
  EXPECT_EQ(told["decode_token_bytes"]["embedding"], 4 * 32);
  EXPECT_EQ(told["decode_token_bytes"]["head"], 4 * 8 * 32);  // the embedding, though it is tied
  GgufWriter sparse = tiny_gguf("qwen3moe");
  sparse.tensor("blk.0.ffn_up_exps.weight").type = 14;
  sparse.tensor("blk.0.ffn_up_exps.weight").shape = {4, 32, 256};
  // Q6_K needs rows of 256: the shape no longer fits, and the message says so.
  EXPECT_PROBLEM(sparse, "ffn_up_exps");
  sparse = tiny_gguf("qwen3moe");
  sparse.tensor("blk.0.ffn_up_exps.weight").type = 3;  // q4_1
  const Exact mixture(sparse.bytes());
  const auto experts = describe(contents_of(mixture));
  const int64_t all = 4 * 32 * (2 * 32 * 4 + 20);
  EXPECT_EQ(experts["tensors"]["experts"]["bytes"], all);
  EXPECT_EQ(experts["decode_token_bytes"]["experts"], all / 2);
  EXPECT_EQ(experts["decode_token_bytes"]["total_with_all_experts"].get<int64_t>() -
                experts["decode_token_bytes"]["total"].get<int64_t>(),
            all / 2);
  EXPECT_EQ(experts["unsupported_types"]["q4_1"]["count"], 1);
}

}  // namespace
}  // namespace membound

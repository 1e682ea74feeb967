// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "benches/model/steps.h"

namespace membound {
namespace {

const Shape kLlama1B = read_shape("Llama-3.2-1B", CATALOGUE);

TEST(Steps, WeightsOfTheKnownModel) {
  // 1,235,814,400 parameters, of which 33 * 2048 are norms, held in f32.
  EXPECT_EQ(weight_bytes(kLlama1B, types_of("bf16")),
            2 * (1235814400LL - 33 * 2048) + 4 * 33 * 2048);
}

TEST(Steps, DecodeReadsEachWeightOnceAndTheCache) {
  const StepSpec step{StepSpec::kDecode, 1, 128};
  const Work work = total(step_ops(kLlama1B, types_of("bf16"), step));
  // The embedding is tied: the head reads the table, the gather one row of it.
  const int64_t cache = 32768 * 128;
  EXPECT_EQ(kv_bytes(kLlama1B, types_of("bf16"), step), cache);
  EXPECT_EQ(work.bytes_read, weight_bytes(kLlama1B, types_of("bf16")) + cache + 2 * 2048);
  EXPECT_EQ(work.bytes_written, 32768);
}

TEST(Steps, BatchSharesWeightsAndNotTheCache) {
  const auto bytes = [](int64_t batch) {
    return total(step_ops(kLlama1B, types_of("bf16"), {StepSpec::kDecode, batch, 128})).bytes_read;
  };
  EXPECT_EQ(bytes(4) - bytes(1), 3 * (32768 * 128 + 2 * 2048));
}

TEST(Steps, PrefillComputesTheHeadForTheLastPositionOnly) {
  const auto ops = step_ops(kLlama1B, types_of("bf16"), {StepSpec::kPrefill, 1, 128});
  for (const Op& op : ops) {
    if (op.name == "head") {
      EXPECT_EQ(bench_name(op), "inference/gemv/bf16/m:1/n:128256/k:2048");
    }
    if (op.name == "qkv") {
      EXPECT_EQ(bench_name(op), "inference/gemm/bf16/m:128/n:3072/k:2048");
    }
  }
}

TEST(Steps, ProductsWithWeightsCountAsFlopsOfTheirType) {
  EXPECT_EQ(matmul_work(2, 3, 5, false, "f16").flops,
            (std::map<std::string, int64_t>{{"f16", 60}, {"f32", 0}}));
  EXPECT_EQ(matmul_work(2, 3, 5, false, "f32").flops,
            (std::map<std::string, int64_t>{{"f32", 60}}));
}

TEST(Steps, EachOpHasItsTensorsType) {
  Shape shape = kLlama1B;
  shape.tied = false;
  const Types types{"q4_0", "f16", "q8_0", "f32"};
  const StepSpec step{StepSpec::kDecode, 1, 128};
  std::map<std::string, std::string> found;
  for (const Op& op : step_ops(shape, types, step)) found[op.name] = op.shape.dtype;
  EXPECT_EQ(found["embed"], "f16");
  EXPECT_EQ(found["down"], "q4_0");
  EXPECT_EQ(found["head"], "q8_0");
  EXPECT_EQ(found["attention"] + found["rope_append"], "f32f32");
  // A block of 32 elements takes 34 bytes in q8_0 and 18 in q4_0.
  EXPECT_EQ(weight_bytes(shape, types), 973078528LL / 32 * 18 + 128256LL * 2048 * 2 +
                                            128256LL * 2048 / 32 * 34 + 4 * 33 * 2048);
  EXPECT_EQ(kv_bytes(shape, types, step), 2 * 32768 * 128);
}

TEST(Steps, MatmulIsAGemvUpTo64Rows) {
  const auto bench = [](int64_t batch) {
    return step_ops(kLlama1B, types_of("bf16"), {StepSpec::kDecode, batch, 128})[2].bench;
  };
  EXPECT_EQ(bench(64), "gemv");
  EXPECT_EQ(bench(65), "gemm");
}

TEST(Steps, AMixtureReadsTheExpertsThatItIsTold) {
  const Shape shape = read_shape("Qwen3-30B-A3B", CATALOGUE);
  const Types types = types_of("bf16");
  const int64_t matrices = 3LL * 768 * 2048 * 2;
  EXPECT_EQ(expert_bytes(shape, types), matrices);
  const auto bytes = [&](int64_t touched) {
    return total(step_ops(shape, types, {StepSpec::kDecode, 4, 128, touched})).bytes_read;
  };
  EXPECT_EQ(bytes(30) - bytes(20), 48 * 10 * matrices);
  EXPECT_EQ(bytes(0), bytes(29));  // 128 (1 - (15 / 16)^4) = 29.1
  EXPECT_NEAR(expected_experts(shape, 4), 29.123, 1e-3);
  EXPECT_EQ(expected_experts(shape, 1), 8);
}

TEST(Steps, ClassesSumToTheBytesOfAStep) {
  for (const char* model : {"Llama-3.2-1B", "Qwen3-30B-A3B"}) {
    const Shape shape = read_shape(model, CATALOGUE);
    const auto ops = step_ops(shape, types_of("q8_0"), {StepSpec::kDecode, 2, 100});
    int64_t sum = 0;
    for (const auto& [kind, bytes] : bytes_by_class(shape, ops)) sum += bytes;
    EXPECT_EQ(sum, total(ops).bytes());
  }
}

TEST(Steps, EveryLayerHasTheSameOps) {
  const auto ops = step_ops(kLlama1B, types_of("f32"), {StepSpec::kDecode, 2, 64});
  ASSERT_EQ(ops.size(), 1 + 16 * 9 + 4);
  for (size_t i = 1; i < 1 + 15 * 9; ++i) EXPECT_EQ(bench_name(ops[i]), bench_name(ops[i + 9]));
}

}  // namespace
}  // namespace membound

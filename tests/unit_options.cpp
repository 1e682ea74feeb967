// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "backends/error.h"
#include "benches/harness/options.h"

namespace membound {
namespace {

Options parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"membound-bench", "--catalogue=" CATALOGUE});
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  return parse_options(static_cast<int>(pointers.size()), pointers.data());
}

std::string message_of(const std::vector<std::string>& arguments) {
  try {
    parse(arguments);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Options, ProfilesSetWhatFlagsMayChange) {
  const Options quick = parse({});
  EXPECT_EQ(quick.batches, (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(quick.prefills, std::vector<int64_t>{128});
  const Options changed = parse({"--batch=2,8", "--profile=full"});
  EXPECT_EQ(changed.batches, (std::vector<int64_t>{2, 8}));
  EXPECT_EQ(changed.contexts.back(), 32768);
}

TEST(Options, TheProcessThatRunsStepsHasItsOwnTimeCap) {
  EXPECT_LT(parse({"--suite=steps"}).time_cap_seconds,
            parse({"--suite=ceilings"}).time_cap_seconds);
  EXPECT_EQ(parse({"--suite=steps", "--time-cap=7"}).time_cap_seconds, 7);
}

TEST(Options, GoogleBenchmarkFlagsArePassedOn) {
  EXPECT_EQ(parse({"--benchmark_context=a=b"}).benchmark_arguments,
            std::vector<std::string>{"--benchmark_context=a=b"});
  EXPECT_EQ(parse({"--benchmark_filter=read"}).filter, "read");
  EXPECT_EQ(parse({"--benchmark_out=x.json"}).benchmark_out, "x.json");
}

TEST(Options, MinTimeIsRefusedWithOurFlag) {
  EXPECT_NE(message_of({"--benchmark_min_time=1"}).find("--sample-seconds"), std::string::npos);
  EXPECT_NE(message_of({"--benchmark_repetitions=3"}).find("--min-samples"), std::string::npos);
}

TEST(Options, BadValuesSayWhatIsExpected) {
  EXPECT_EQ(message_of({"--batch=0"}), "--batch=0: expected a number from 1 to 4096");
  EXPECT_NE(message_of({"--batch=1,x"}).find("--batch=x"), std::string::npos);
  EXPECT_NE(message_of({"--batch="}).find("expected numbers"), std::string::npos);
  EXPECT_EQ(message_of({"--dtype=int3"}),
            "--dtype=int3: expected one of bf16, f16, f32, q4_0, q8_0");
  EXPECT_EQ(message_of({"--cache=q8_0"}), "--cache=q8_0: expected one of bf16, f16, f32");
  EXPECT_NE(message_of({"--profile=huge"}).find("full, quick, standard"), std::string::npos);
  EXPECT_NE(message_of({"--relative-error=nan"}).find("--relative-error"), std::string::npos);
  EXPECT_NE(message_of({"--frobnicate"}).find("--help"), std::string::npos);
  EXPECT_NE(message_of({"--out"}).find("--out=VALUE"), std::string::npos);
}

TEST(Options, TheCacheFollowsTheWeightsWhereItCan) {
  EXPECT_EQ(parse({"--dtype=f32"}).types, types_of("f32"));
  EXPECT_EQ(parse({"--dtype=q8_0"}).types, (Types{"q8_0", "q8_0", "q8_0", "f16"}));
  EXPECT_EQ(parse({"--cache=f32", "--dtype=q4_0"}).types.cache, "f32");
}

TEST(Options, AnUnknownModelListsTheCatalogue) {
  EXPECT_NE(message_of({"--model=Lama"}).find("Llama-3.2-1B"), std::string::npos);
}

}  // namespace
}  // namespace membound

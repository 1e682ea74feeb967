// SPDX-License-Identifier: Apache-2.0
// membound-bench on scripted devices, seen through its journal.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "benches/harness/statistics.h"

namespace membound {
namespace {

using nlohmann::json;

struct Result {
  int code;
  std::vector<json> lines;

  std::vector<json> of(const std::string& type) const {
    std::vector<json> chosen;
    for (const auto& line : lines) {
      if (line["type"] == type) chosen.push_back(line);
    }
    return chosen;
  }
};

Result run(const std::string& script, const std::string& flags) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("membound_journal_" + std::to_string(getpid()) + ".jsonl");
  std::filesystem::remove(path);
  const std::string command =
      "MEMBOUND_FAKE=" + script +
      " " BENCH " --backends=" FAKE_BACKENDS " --device=fake:0 --out=" + path.string() + " " +
      flags + " >/dev/null 2>&1";
  const int status = std::system(command.c_str());
  Result result{WEXITSTATUS(status), {}};
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) result.lines.push_back(json::parse(line));
  std::filesystem::remove(path);
  return result;
}

const std::string kRead = "'--benchmark_filter=read.*cold/bytes:16777216'";

TEST(Journal, HoldsHeaderBenchSamplesDoneAndEnd) {
  const Result result = run("noise=0", kRead);
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.lines.front()["type"], "header");
  EXPECT_EQ(result.lines.back()["type"], "end");
  EXPECT_EQ(result.lines.back()["status"], "complete");
  const json bench = result.of("bench").at(0);
  EXPECT_EQ(bench["work"]["bytes_read"], 16777216);
  EXPECT_TRUE(bench["check"]["ok"]);
  EXPECT_TRUE(bench["footprint_ok"]);
  // 16 MiB at 20 GB/s and a microsecond for the launch.
  const json done = result.of("done").at(0);
  EXPECT_NEAR(done["median_seconds"].get<double>(), 16777216 / 20e9 + 1e-6, 1e-9);
  EXPECT_EQ(done["stop_reason"], "relative error reached");
  EXPECT_EQ(result.of("sample").size(), 5u);
}

TEST(Journal, SamplesAreLongEnoughForTheClock) {
  for (const json& sample : run("noise=0", kRead).of("sample")) {
    EXPECT_GE(sample["seconds"].get<double>() * sample["launches"].get<double>(), 0.02);
  }
}

TEST(Journal, NoiseGetsMoreSamplesUpToTheCap) {
  EXPECT_GT(run("noise=0.03", kRead).of("sample").size(), 5u);
  const Result capped = run("noise=0.5", kRead + " --max-samples=9");
  EXPECT_LE(capped.of("sample").size(), 11u);
  EXPECT_EQ(capped.of("done").at(0)["stop_reason"], "sample cap");
}

TEST(Journal, ThrottledSamplesAreTaggedAndKept) {
  // The calls before fill, check and calibrate.
  const Result result = run("throttle_from=10", kRead);
  int tagged = 0;
  for (const json& sample : result.of("sample")) tagged += sample["tags"].empty() ? 0 : 1;
  EXPECT_GT(tagged, 0);
  EXPECT_EQ(result.of("sample").back()["tags"][0], "throttled");
}

TEST(Journal, DriftShowsInTheSamples) {
  const auto samples = run("drift=0.01", kRead).of("sample");
  EXPECT_GT(samples.back()["seconds"].get<double>(),
            samples.front()["seconds"].get<double>() * 1.03);
}

TEST(Journal, AHangKeepsWhatWasFinished) {
  const Result result = run("hang_at=10", kRead + " --hang-after=1");
  EXPECT_EQ(result.code, 2);
  EXPECT_GE(result.of("sample").size(), 1u);
  EXPECT_NE(result.of("error").at(0)["reason"].get<std::string>().find("no answer"),
            std::string::npos);
  EXPECT_EQ(result.lines.back()["status"], "partial");
}

TEST(Journal, AFailureOfOneBenchLeavesTheOthers) {
  const Result result = run("fail_at=30", "--benchmark_filter=cold");
  EXPECT_EQ(result.code, 2);
  ASSERT_EQ(result.of("error").size(), 1u);
  EXPECT_NE(result.of("error")[0]["reason"].get<std::string>().find("fake.cpp:"),
            std::string::npos);
  EXPECT_GE(result.of("done").size(), 8u);
}

TEST(Journal, AWrongResultIsNeverTimed) {
  const Result result = run("wrong=1", "--benchmark_filter=triad");
  EXPECT_EQ(result.code, 2);
  EXPECT_TRUE(result.of("sample").empty());
  for (const json& error : result.of("error")) {
    EXPECT_EQ(error["reason"].get<std::string>().find("wrong result"), 0u);
  }
}

TEST(Journal, NoDeviceIsCouldNotMeasure) { EXPECT_EQ(run("devices=0", "").code, 3); }

TEST(Journal, AModelThatDoesNotFitIsRefusedBeforeAllocation) {
  const Result result = run("memory=100000000", "--model=Llama-3.2-1B --catalogue=" CATALOGUE);
  EXPECT_EQ(result.code, 3);
  EXPECT_TRUE(result.lines.empty());
}

}  // namespace
}  // namespace membound

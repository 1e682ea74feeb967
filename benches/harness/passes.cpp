// SPDX-License-Identifier: Apache-2.0
#include "benches/harness/passes.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <fstream>
#include <functional>

namespace membound {

std::atomic<bool> interrupted{false};

namespace {

using benchmark::BenchmarkReporter;

// Keeps what each pass reports, so that one file can be written at the end. What a person sees
// comes from the runner.
class Collector : public BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override {
    if (context_ == nullptr) context_ = std::make_unique<Context>(context);
    return true;
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    runs_.insert(runs_.end(), runs.begin(), runs.end());
  }

  void write(const std::string& path) {
    if (path.empty() || context_ == nullptr) return;
    std::ofstream file(path);
    if (!file) throw InputError("--benchmark_out=" + path + ": can't be written");
    benchmark::JSONReporter json;
    json.SetOutputStream(&file);
    json.SetErrorStream(&file);
    json.ReportContext(*context_);
    json.ReportRuns(runs_);
    json.Finalize();
  }

 private:
  std::unique_ptr<Context> context_;
  std::vector<Run> runs_;
};

void take_repetition(benchmark::State& state, Runner& runner, Entry& entry, int32_t pass) {
  for (auto _ : state) {
    if (interrupted || (pass > 0 && runner.out_of_time())) {
      state.SkipWithError(interrupted ? "interrupted" : "time cap");
      return;
    }
    if (!runner.sample(entry, pass)) {
      state.SkipWithError(entry.failure.c_str());
      return;
    }
    const double seconds = entry.seconds.back();
    state.SetIterationTime(seconds);
    const auto work = static_cast<double>(entry.prepared->work.bytes());
    state.counters["bytes_per_second"] = work / seconds;
    state.counters["launches"] = static_cast<double>(entry.runs);
  }
}

using Choice = std::function<bool(const Entry&)>;

// Runs the chosen entries, repetitions of all of them interleaved; returns how many there are.
size_t run_pass(Runner& runner, std::vector<std::unique_ptr<Entry>>& entries, int32_t pass,
                int32_t repetitions, BenchmarkReporter& reporter, const Choice& chosen) {
  benchmark::ClearRegisteredBenchmarks();
  size_t registered = 0;
  for (auto& entry : entries) {
    if (!chosen(*entry)) continue;
    const std::string name = entry->name + "/" + entry->device();
    auto* bench = benchmark::RegisterBenchmark(
        name.c_str(), [&runner, e = entry.get(), pass](benchmark::State& state) {
          take_repetition(state, runner, *e, pass);
        });
    bench->UseManualTime()->Iterations(1)->Repetitions(repetitions);
    ++registered;
  }
  if (registered > 0) benchmark::RunSpecifiedBenchmarks(&reporter);
  return registered;
}

void initialize(const Options& options) {
  // Google Benchmark keeps a pointer to the program's name.
  static std::vector<std::string> text = {"membound-bench",
                                          "--benchmark_enable_random_interleaving=true"};
  text.insert(text.end(), options.benchmark_arguments.begin(), options.benchmark_arguments.end());
  std::vector<char*> arguments;
  for (auto& argument : text) arguments.push_back(argument.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (count > 1) throw InputError(std::string("unknown argument ") + arguments[1]);
}

}  // namespace

Outcome run_passes(Runner& runner, std::vector<std::unique_ptr<Entry>>& entries,
                   const Options& options) {
  initialize(options);
  Collector collector;
  Outcome outcome;
  const auto pass = [&](int32_t number, int32_t repetitions, const Choice& chosen) {
    const size_t count = run_pass(runner, entries, number, repetitions, collector, chosen);
    for (auto& entry : entries) {
      if (entry->seconds.empty() || runner.wants_more(*entry)) continue;
      const bool capped = static_cast<int32_t>(entry->seconds.size()) >= options.max_samples;
      runner.finish(*entry, capped ? "sample cap" : "relative error reached");
    }
    return count;
  };
  pass(0, options.min_samples, [](const Entry& entry) { return entry.bench->light; });
  pass(0, options.min_samples, [](const Entry& entry) { return !entry.bench->light; });
  const auto unsettled = [&](const Entry& entry) {
    return !entry.seconds.empty() && runner.wants_more(entry);
  };
  for (int32_t number = 1; !interrupted && !runner.out_of_time(); ++number) {
    constexpr int32_t kMore = 3;
    if (pass(number, kMore, unsettled) == 0) break;
  }
  outcome.interrupted = interrupted;
  for (const auto& argument : options.benchmark_arguments) {
    outcome.listed = outcome.listed || argument.rfind("--benchmark_list_tests", 0) == 0;
  }
  for (auto& entry : entries) {
    if (!entry->seconds.empty()) {
      runner.finish(*entry, interrupted ? "interrupted" : "time cap");
      ++outcome.measured;
    }
    if (!entry->failure.empty() && !entry->unsupported) ++outcome.failed;
  }
  collector.write(options.benchmark_out);
  benchmark::ClearRegisteredBenchmarks();
  return outcome;
}

}  // namespace membound

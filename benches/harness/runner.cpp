// SPDX-License-Identifier: Apache-2.0
#include "benches/harness/runner.h"

#include <algorithm>
#include <cmath>
#include <regex>
#include <sstream>

#include "benches/harness/statistics.h"

namespace membound {
namespace {

using nlohmann::json;

constexpr double kTicksPerSample = 1000;     // of the device's clock, at least
constexpr double kTrySeconds = 0.002;        // shortest sample of a variant that is tried
constexpr double kTicksPerTry = 100;         //
constexpr int32_t kTries = 3;                // samples of each variant
constexpr double kDisturbedFraction = 0.05;  // of the units' time lost to others

const char* stage_name(Stage stage, bool anchor) {
  if (anchor) return "anchor";
  switch (stage) {
    case Stage::kCeiling:
      return "ceiling";
    case Stage::kKernel:
      return "kernel";
    case Stage::kStep:
      return "step";
  }
  return "";
}

json to_json(const Telemetry& telemetry) {
  return {{"clock_hz", telemetry.clock_hz},
          {"power_watts", telemetry.power_watts},
          {"temperature_celsius", telemetry.temperature_celsius},
          {"steal_fraction", telemetry.steal_fraction},
          {"throttle", telemetry.throttle},
          {"counted_bytes", telemetry.counted_bytes}};
}

// Tagged samples stay: whether they count is the reader's decision.
json tags(const Telemetry& telemetry) {
  json list = json::array();
  if (telemetry.steal_fraction > kDisturbedFraction) list.push_back("disturbed");
  if (telemetry.throttle != kNoThrottle) list.push_back("throttled");
  return list;
}

json keys_json(const Keys& keys) {
  json object = json::object();
  for (const auto& [key, value] : keys) {
    std::visit([&object, &key = key](const auto& v) { object[key] = v; }, value);
  }
  return object;
}

json tried_json(const std::vector<Tried>& tried) {
  json list = json::array();
  for (const Tried& one : tried) {
    list.push_back(one.seconds ? json{{"kernel", one.kernel}, {"seconds", *one.seconds}}
                               : json{{"kernel", one.kernel}, {"reason", one.reason}});
  }
  return list;
}

// As Google Benchmark reads its flag: an extended regular expression anywhere in the name, after a
// '-' those that don't match. Filtered here, so that plan, progress and passes know of the rest
// only.
class NameFilter {
 public:
  explicit NameFilter(const std::string& text) : negative_(text.rfind('-', 0) == 0) {
    try {
      expression_ = std::regex(negative_ ? text.substr(1) : text, std::regex::extended);
    } catch (const std::regex_error&) {
      throw InputError("--benchmark_filter=" + text + ": not a regular expression");
    }
  }
  bool operator()(const std::string& name) const {
    return std::regex_search(name, expression_) != negative_;
  }

 private:
  bool negative_;
  std::regex expression_;
};

}  // namespace

Runner::Runner(const Options& options, Journal& journal)
    : options_(options),
      journal_(journal),
      watchdog_(options.hang_seconds,
                [this](const std::string& name) {
                  const auto cut = name.rfind(' ');
                  journal_.write({{"type", "error"},
                                  {"bench", name.substr(0, cut)},
                                  {"device", name.substr(cut + 1)},
                                  {"reason", "no answer from the device within " +
                                                 std::to_string(options_.hang_seconds) + " s"}});
                  journal_.write({{"type", "end"},
                                  {"status", "partial"},
                                  {"reason", "device hung in " + name},
                                  {"exit_code", 2},
                                  {"measuring_seconds", measuring_seconds()},
                                  {"seconds_to_first_sample", to_first_sample_}});
                  std::fprintf(stderr, "membound-bench: error: no answer in %s\n", name.c_str());
                }),
      start_(std::chrono::steady_clock::now()) {}

double Runner::since_start() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

double Runner::measuring_seconds() const {
  return to_first_sample_ < 0 ? 0 : since_start() - to_first_sample_;
}

std::vector<std::unique_ptr<Entry>> Runner::plan(
    std::vector<std::unique_ptr<Workspace>>& workspaces) {
  const NameFilter chosen(options_.filter);
  std::vector<std::unique_ptr<Entry>> entries;
  for (auto& workspace : workspaces) {
    for (const Bench& bench : benches()) {
      const bool step = bench.stage == Stage::kStep;
      if (options_.suite == Suite::kSteps && !step && !bench.anchor) continue;
      if (options_.suite == Suite::kCeilings && step) continue;
      if (!bench.runs_on(workspace->device())) continue;
      for (Case& c : bench.cases(*workspace)) {
        const std::string name = case_name(bench, c);
        if (!chosen(name + "/" + workspace->device().id())) continue;
        entries.push_back(std::make_unique<Entry>(Entry{
            .bench = &bench, .shape = std::move(c), .workspace = workspace.get(), .name = name}));
      }
    }
  }
  if (entries.empty()) {
    throw InputError("--benchmark_filter=" + options_.filter +
                     ": matches no bench; `--benchmark_list_tests` prints all names");
  }
  return entries;
}

// The first buffer set past the end of the last cold sample.
int64_t Runner::first_cold_set(const Entry& entry) const {
  const Prepared& prepared = *entry.prepared;
  if (prepared.rotation == 1) return 0;
  const int64_t stride = prepared.stride_bytes();
  return (entry.workspace->cold_cursor_bytes + stride - 1) / stride % prepared.rotation;
}

std::vector<Sample> Runner::measure(Entry& entry, int64_t runs, int32_t samples) {
  const Prepared& prepared = *entry.prepared;
  const Device& device = entry.workspace->device();
  if (prepared.before_sample) prepared.before_sample();
  const auto program_of = [&](const std::vector<Launch>& launches) {
    return Program{.launches = launches.data(),
                   .count = static_cast<int64_t>(launches.size()),
                   .ordered = prepared.ordered ? 1 : 0};
  };
  std::vector<Program> programs = {program_of(prepared.launches)};
  for (const CoRunner& other : prepared.beside) programs.push_back(program_of(other.launches));
  std::vector<Placed> placed = {{.device = device.index(), .program = &programs[0], .stream = 0}};
  for (size_t i = 0; i < prepared.beside.size(); ++i) {
    placed.push_back({.device = prepared.beside[i].device,
                      .program = &programs[i + 1],
                      .stream = static_cast<int32_t>(i + 1)});
  }
  const Plan plan{.runs = runs,
                  .samples = samples,
                  .rotation = prepared.rotation,
                  .first_set = first_cold_set(entry),
                  .compute_units = prepared.compute_units,
                  .domain = prepared.domain};
  const Watchdog::Guard guard(watchdog_, entry.name + " " + entry.device());
  const auto taken = device.measure(placed, plan);
  if (prepared.rotation > 1) {
    entry.workspace->cold_cursor_bytes =
        (plan.first_set + runs * samples) % prepared.rotation * prepared.stride_bytes();
  }
  const bool enough = static_cast<int32_t>(taken.size()) == samples;
  MEMBOUND_CHECK(enough && taken[0].seconds > 0, "the device took no sample");
  entry.compute_limit = taken[0].limit;
  entry.compute_units = taken[0].compute_units;
  return taken;
}

// Doubles the batch until it is long enough for the clock; that also warms the device up.
int64_t Runner::runs_for(Entry& entry, double seconds, double ticks) {
  const double tick = entry.workspace->device().info().timer_tick_seconds;
  const double wanted = std::max(seconds, ticks * tick);
  for (int64_t runs = 1;; runs *= 2) {
    const double taken = measure(entry, runs, 1)[0].seconds * static_cast<double>(runs);
    if (taken >= wanted || runs >= int64_t{1} << 40) return runs;
  }
}

// The fastest of the variants, by a few short samples each, is what will be measured: afresh, so
// that a lucky try doesn't count.
void Runner::choose_variant(Entry& entry) {
  Prepared& prepared = *entry.prepared;
  if (prepared.variants.size() < 2) return;
  const int64_t runs = runs_for(entry, kTrySeconds, kTicksPerTry);
  double best = INFINITY;
  std::string chosen = prepared.kernel;
  for (const std::string& name : prepared.variants) {
    prepared.launches[0].kernel = entry.workspace->device().need_kernel(name);
    try {
      std::vector<double> seconds;
      for (const Sample& sample : measure(entry, runs, kTries)) seconds.push_back(sample.seconds);
      entry.tried.push_back({name, median(seconds), ""});
      if (median(seconds) >= best) continue;
      best = median(seconds);
      chosen = name;
    } catch (const Error& error) {
      if (error.code() != kUnsupported) throw;
      entry.tried.push_back({name, std::nullopt, error.what()});
    }
  }
  prepared.kernel = chosen;
  prepared.launches[0].kernel = entry.workspace->device().need_kernel(chosen);
}

void Runner::calibrate(Entry& entry) {
  entry.runs = runs_for(entry, options_.sample_seconds, kTicksPerSample);
}

void Runner::prepare(Entry& entry) {
  const Watchdog::Guard guard(watchdog_, entry.name + " " + entry.device());
  entry.prepared = entry.bench->prepare(*entry.workspace, entry.shape);
  entry.check = entry.prepared->check();
  if (!entry.check.ok) {
    std::ostringstream message;
    message << "wrong result: " << entry.check.what << ", error " << entry.check.max_error
            << " over the bound " << entry.check.bound;
    throw Error(message.str());
  }
}

bool Runner::sample(Entry& entry, int32_t pass) {
  if (!entry.failure.empty()) return false;
  try {
    if (!entry.prepared) {
      prepare(entry);
      choose_variant(entry);
      calibrate(entry);
      journal_bench(entry);
    }
    if (to_first_sample_ < 0) to_first_sample_ = since_start();
    const Sample sample = measure(entry, entry.runs, 1)[0];
    entry.seconds.push_back(sample.seconds);
    json line = {{"type", "sample"},
                 {"bench", entry.name},
                 {"device", entry.device()},
                 {"index", entry.seconds.size() - 1},
                 {"pass", pass},
                 {"seconds", sample.seconds},
                 {"launches", entry.runs},
                 {"at", since_start()},
                 {"telemetry", to_json(sample.telemetry)},
                 {"tags", tags(sample.telemetry)}};
    if (entry.prepared->counters) line["counters"] = entry.prepared->counters();
    journal_.write(line);
    return true;
  } catch (const Error& error) {
    entry.unsupported = error.code() == kUnsupported;
    fail(entry, entry.unsupported ? "skip" : "error", error.what());
  } catch (const std::exception& error) {
    fail(entry, "error", error.what());
  }
  return false;
}

void Runner::fail(Entry& entry, const std::string& type, const std::string& reason) {
  entry.failure = reason;
  entry.done = true;
  entry.prepared.reset();
  journal_.write(
      {{"type", type}, {"bench", entry.name}, {"device", entry.device()}, {"reason", reason}});
}

void Runner::finish(Entry& entry, const std::string& stop_reason) {
  if (entry.done) return;
  entry.done = true;
  if (entry.seconds.empty()) {
    fail(entry, "skip", stop_reason);
    return;
  }
  journal_.write({{"type", "done"},
                  {"bench", entry.name},
                  {"device", entry.device()},
                  {"samples", entry.seconds.size()},
                  {"median_seconds", median(entry.seconds)},
                  {"best_seconds", *std::min_element(entry.seconds.begin(), entry.seconds.end())},
                  {"relative_error", relative_error(entry.seconds)},
                  {"stop_reason", stop_reason}});
}

bool Runner::wants_more(const Entry& entry) const {
  const auto samples = static_cast<int32_t>(entry.seconds.size());
  if (entry.done || samples >= options_.max_samples) return false;
  return samples < options_.min_samples || relative_error(entry.seconds) > options_.relative_error;
}

void Runner::journal_bench(const Entry& entry) {
  const Prepared& prepared = *entry.prepared;
  const int32_t all = entry.workspace->device().info().compute_units;
  const int32_t asked = prepared.compute_units > 0 ? prepared.compute_units : all;
  journal_.write(
      {{"type", "bench"},
       {"bench", entry.name},
       {"device", entry.device()},
       {"family", entry.bench->family},
       {"question", entry.bench->question},
       {"stage",
        stage_name(entry.bench->stage, options_.suite == Suite::kSteps && entry.bench->anchor)},
       {"dtype", entry.shape.dtype},
       {"keys", keys_json(entry.shape.keys)},
       {"work", membound::to_json(prepared.work)},
       {"mode", prepared.cold ? "cold" : "hot"},
       {"footprint_bytes", prepared.footprint_bytes},
       {"rotation", prepared.rotation},
       {"footprint_ok", !prepared.cold || entry.workspace->is_cold(prepared.footprint_bytes)},
       {"check",
        {{"ok", entry.check.ok},
         {"what", entry.check.what},
         {"max_error", entry.check.max_error},
         {"bound", entry.check.bound}}},
       {"launches_per_sample", entry.runs},
       {"warmup_launches", 2 * entry.runs - 1},
       {"kernel", prepared.kernel},
       {"tried", tried_json(entry.tried)},
       {"compute_units", entry.compute_units > 0 ? entry.compute_units : asked},
       {"compute_limit", entry.compute_limit}});
}

}  // namespace membound

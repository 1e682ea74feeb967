// SPDX-License-Identifier: Apache-2.0
// The actions that need a device: --check and measuring.
#include <csignal>
#include <cstdio>
#include <iostream>

#include "benches/harness/actions.h"
#include "benches/harness/context.h"
#include "benches/harness/passes.h"
#include "benches/harness/statistics.h"

namespace membound {
namespace {

using nlohmann::json;
using Workspaces = std::vector<std::unique_ptr<Workspace>>;

constexpr int kCouldNotMeasure = 2;

Workspaces open_workspaces(const Options& options, const std::vector<Device>& devices) {
  Workspaces workspaces;
  for (const auto& device : devices) {
    std::optional<Device> peer;
    for (const auto& other : devices) {
      if (!peer && other.same_backend(device) && other.index() != device.index()) peer = other;
    }
    workspaces.push_back(std::make_unique<Workspace>(device, options, peer));
  }
  return workspaces;
}

std::vector<Device> need_devices(const Options& options, const std::vector<Backend>& backends) {
  auto devices = open_devices(backends, options.devices);
  std::string reasons;
  for (const auto& backend : backends) reasons += "; " + backend.name + ": " + backend.reason;
  if (devices.empty()) throw Error("no device to measure" + reasons);
  return devices;
}

void print_entry(const Entry& entry) {
  if (entry.seconds.empty()) {
    std::printf("%-72s %s\n", entry.name.c_str(), entry.failure.c_str());
    return;
  }
  const double seconds = median(entry.seconds);
  const Work& work = entry.prepared->work;
  std::printf("%-72s %12.3f us", entry.name.c_str(), 1e6 * seconds);
  if (work.bytes() > 0) std::printf(" %9.2f GB/s", 1e-9 * work.bytes() / seconds);
  int64_t flops = 0;
  for (const auto& [type, count] : work.flops) flops += count;
  if (flops > 0) std::printf(" %9.2f GFLOP/s", 1e-9 * flops / seconds);
  std::printf("  %zu samples\n", entry.seconds.size());
}

json planned_json(const std::vector<std::unique_ptr<Entry>>& entries, int32_t samples) {
  json planned = json::array();
  for (const auto& entry : entries) {
    planned.push_back({{"bench", entry->name}, {"device", entry->device()}, {"samples", samples}});
  }
  return planned;
}

// As they are at the end: free memory, huge pages obtained.
json devices_now(const std::vector<Device>& devices) {
  json list = json::array();
  for (const auto& device : devices) list.push_back(device_json(device.query()));
  return list;
}

void on_signal(int) { interrupted = true; }

// A step's weights, cache and pool must fit before any of them is allocated.
void need_memory(const Workspaces& workspaces, const Options& options) {
  for (const auto& workspace : workspaces) {
    for (const auto& bench : benches()) {
      if (!bench.need_bytes || (options.suite == Suite::kCeilings && bench.stage == Stage::kStep)) {
        continue;
      }
      const int64_t needed = bench.need_bytes(*workspace);
      const int64_t free = workspace->device().info().memory_free_bytes;
      if (needed <= free) continue;
      char text[400];
      std::snprintf(text, sizeof text,
                    "%s of %s in %s needs %.1f GB of memory and %s has %.1f GB free; choose a "
                    "smaller model, --dtype, --batch or --context",
                    bench.name.c_str(), options.model->id.c_str(), options.types.weights.c_str(),
                    1e-9 * static_cast<double>(needed), workspace->device().id().c_str(),
                    1e-9 * static_cast<double>(free));
      throw InputError(text);
    }
  }
}

}  // namespace

int check_all(const Options& options) {
  const auto backends = load_backends(options.backends_folder);
  auto workspaces = open_workspaces(options, need_devices(options, backends));
  Journal journal("");
  Runner runner(options, journal);
  int failures = 0;
  for (auto& entry : runner.plan(workspaces)) {
    try {
      runner.prepare(*entry);
      std::printf("ok    %s on %s: error %.2g, bound %.2g (%s)\n", entry->name.c_str(),
                  entry->device().c_str(), entry->check.max_error, entry->check.bound,
                  entry->check.what.c_str());
    } catch (const Error& error) {
      const bool skipped = error.code() == kUnsupported;
      failures += skipped ? 0 : 1;
      std::printf("%s %s on %s: %s\n", skipped ? "skip " : "WRONG", entry->name.c_str(),
                  entry->device().c_str(), error.what());
    }
    entry->prepared.reset();
  }
  return failures == 0 ? 0 : kCouldNotMeasure;
}

int measure_all(const Options& options, const std::vector<std::string>& command) {
  const auto backends = load_backends(options.backends_folder);
  const auto devices = need_devices(options, backends);
  auto workspaces = open_workspaces(options, devices);
  need_memory(workspaces, options);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  Journal journal(options.out);
  Runner runner(options, journal);
  auto entries = runner.plan(workspaces);
  json header = header_json(options, backends, devices, command);
  header["planned"] = planned_json(entries, options.min_samples);
  header["time_cap_seconds"] = options.time_cap_seconds;
  journal.write(header);

  const Outcome outcome = run_passes(runner, entries, options);
  if (outcome.listed) return 0;
  const bool nothing = outcome.measured == 0;
  const int code = outcome.interrupted || outcome.failed > 0 || nothing ? kCouldNotMeasure : 0;
  const std::string reason = outcome.interrupted  ? "interrupted"
                             : nothing            ? "no bench was measured"
                             : outcome.failed > 0 ? "some benches failed"
                                                  : "";
  journal.write({{"type", "end"},
                 {"status", outcome.interrupted || nothing ? "partial" : "complete"},
                 {"reason", reason},
                 {"exit_code", code},
                 {"devices", devices_now(devices)},
                 {"measuring_seconds", runner.measuring_seconds()},
                 {"seconds_to_first_sample", runner.seconds_to_first_sample()}});
  if (options.out.empty()) {
    for (const auto& entry : entries) print_entry(*entry);
  }
  return code;
}

}  // namespace membound

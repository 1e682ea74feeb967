// SPDX-License-Identifier: Apache-2.0
// Latency against injected traffic: one unit follows a chain of cold lines while all others read as
// fast as their pauses let them. `delay` is the pause after each line, in turns of an empty loop.
#include "benches/harness/bench.h"
#include "benches/harness/workspace.h"
#include "benches/latency/loaded/state.h"
#include "benches/latency/slice.h"

namespace membound {
namespace {

constexpr int64_t kLineBytes = 64;
// Above a core's own caches where they take half of what is fetched; a launch takes milliseconds.
constexpr int64_t kSliceBytes = 4 << 20;

std::vector<Case> cases(Workspace& workspace) {
  const std::string& profile = workspace.options().profile;
  if (profile == "quick" || workspace.device().info().compute_units < 2) return {};
  std::vector<int64_t> delays = {0, 8, 32, 2048};
  if (profile == "full") delays = {0, 4, 8, 16, 32, 64, 256, 2048};
  std::vector<Case> all;
  for (const int64_t delay : delays) all.push_back({"none", {{"delay", delay}}});
  return all;
}

std::vector<LoadedUnit> states(const Device& device, const Launch& launch) {
  return device.to_host<LoadedUnit>(launch.args.buffer[1].data, device.info().compute_units);
}

uint32_t word_at(const Device& device, const void* base, int64_t offset_bytes) {
  return device.to_host<uint32_t>(static_cast<const char*>(base) + offset_bytes, 1)[0];
}

// The first launch: the walk sees each line of its slice once, and an injecting unit what it says
// that it read.
Check check_loaded(const Device& device, const Launch& launch) {
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto units = states(device, launch);
  const Slice slice(launch.args.n[0]);
  uint32_t expected = 0;
  for (int64_t t = 0; t < slice.lines(); ++t) {
    expected ^= word_at(device, launch.args.buffer[0].data, slice.offset_bytes(t));
  }
  bool ok = units[0].checksum == expected && units[0].launches == 1 && units[0].seconds > 0;
  const int64_t injectors = static_cast<int64_t>(units.size()) - 1;
  const int64_t lines = launch.args.n[2] / kLineBytes;
  for (int64_t i = 0; i < injectors; ++i) {
    const int64_t begin = lines * i / injectors;
    const int64_t count = lines * (i + 1) / injectors - begin;
    const LoadedUnit& unit = units[i + 1];
    uint32_t sum = 0;
    for (int64_t line = 0; line < unit.lines; ++line) {
      sum ^= word_at(device, launch.args.buffer[2].data, (begin + line % count) * kLineBytes);
    }
    ok = ok && unit.checksum == sum;
  }
  return {.ok = ok,
          .what = "XOR of a word of each line, walked or injected",
          .max_error = ok ? 0.0 : 1.0,
          .bound = 0};
}

// Over the launches since the last call.
std::map<std::string, double> count(const Device& device, const Launch& launch,
                                    std::vector<LoadedUnit>& before) {
  const auto now = states(device, launch);
  const double seconds = now[0].seconds - before[0].seconds;
  const int64_t launches = now[0].launches - before[0].launches;
  int64_t lines = 0;
  for (size_t i = 1; i < now.size(); ++i) lines += now[i].lines - before[i].lines;
  before = now;
  const auto steps = static_cast<double>(launches * Slice(launch.args.n[0]).lines());
  return {{"latency_seconds", seconds / steps},
          {"injected_bytes_per_second", static_cast<double>(lines * kLineBytes) / seconds}};
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t bytes = slice_bytes(workspace.pool_bytes(), kSliceBytes);
  const int64_t units = device.info().compute_units;
  Prepared prepared;
  prepared.kernel = "loaded";
  prepared.buffers.push_back(device.alloc(units * static_cast<int64_t>(sizeof(LoadedUnit))));
  prepared.launches = {{.kernel = device.need_kernel("loaded"),
                        .args = {.buffer = {{workspace.pool(0), bytes},
                                            {prepared.buffers[0].data(), 0},
                                            {workspace.pool(1), 0}},
                                 .n = {bytes, 0, workspace.pool_bytes(), integer(c, "delay")}},
                        .depends = -1}};
  prepared.work = {.bytes_read = Slice(bytes).lines() * kLineBytes};
  prepared.cold = true;
  prepared.rotation = workspace.pool_bytes() / bytes;
  prepared.footprint_bytes = prepared.rotation * bytes;
  const Launch launch = prepared.launches[0];
  const auto before = std::make_shared<std::vector<LoadedUnit>>();
  prepared.before_sample = [&device, launch, before] { *before = states(device, launch); };
  prepared.counters = [&device, launch, before] { return count(device, launch, *before); };
  prepared.check = [&device, launch] { return check_loaded(device, launch); };
  return prepared;
}

const BenchRegistrar registrar(
    {.family = "latency",
     .name = "loaded",
     .question = "how long does a load take while others use the memory?",
     .stage = Stage::kCeiling,
     .cases = cases,
     .kernels = {"loaded", "fill/bf16"},
     .prepare = prepare});

}  // namespace
}  // namespace membound

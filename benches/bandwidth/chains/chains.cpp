// SPDX-License-Identifier: Apache-2.0
// Bandwidth as a function of exact bytes in flight: each unit follows L chains of dependent random
// lines side by side, so that 64 * L * units bytes are asked for at any moment, no more and no
// less.
//
// A launch visits every other line of one slice of the pool once (the neighbour is what adjacent
// line prefetchers fetch; it is never used), the next launch goes to the next slice. Pools hold
// random numbers, not pointers: the order is computed, and each address waits for the line before
// by a term that is zero but that only the loaded value tells so. That costs an AND and an ADD a
// step, and needs no memory nor minutes of its own.
#include "benches/bandwidth/fold.h"
#include "benches/harness/workspace.h"
#include "benches/latency/slice.h"

namespace membound {
namespace {

constexpr int64_t kLineBytes = 64;
constexpr int64_t kSliceBytes = 32 << 20;  // well above a core's own caches

std::vector<Case> cases(Workspace& workspace) {
  const std::string& profile = workspace.options().profile;
  if (profile == "quick") return {};
  const int64_t units = workspace.device().info().compute_units;
  std::vector<int64_t> lines = {1, 4, 8, 16};
  std::vector<int64_t> threads = {units};
  if (profile == "full") {
    lines = {1, 2, 4, 8, 16, 32};
    if (units > 1) threads.insert(threads.begin(), 1);
  }
  std::vector<Case> all;
  for (const int64_t count : threads) {
    for (const int64_t l : lines) all.push_back({"none", {{"threads", count}, {"lines", l}}});
  }
  return all;
}

Check check_chains(const Device& device, const Launch& launch) {
  const Slice slice(launch.args.n[2]);
  const int64_t chains = launch.args.n[0] * device.info().compute_units;
  const uint32_t found = run_fold(device, launch, launch.args.buffer[1].data);
  const auto words = device.to_host<uint32_t>(launch.args.buffer[0].data, launch.args.n[2] / 4);
  uint32_t expected = 0;
  const int64_t steps = slice.lines() / chains;
  for (int64_t t = 0; t < steps * chains; ++t) expected ^= words[slice.offset_bytes(t) / 4];
  return {.ok = found == expected,
          .what = "XOR of a word of each line, every line once",
          .max_error = found == expected ? 0.0 : 1.0,
          .bound = 0};
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t chains = integer(c, "threads") * integer(c, "lines");
  const int64_t bytes = slice_bytes(workspace.pool_bytes(), kSliceBytes);
  const Slice slice(bytes);
  Prepared prepared;
  prepared.kernel = "chains";
  prepared.buffers.push_back(device.alloc(kFoldSlots * 4));
  prepared.launches = {
      {.kernel = device.need_kernel("chains"),
       .args = {.buffer = {{workspace.pool(0), bytes}, {prepared.buffers[0].data(), 0}},
                .n = {integer(c, "lines"), kFoldSlots, bytes, 0}},
       .depends = -1}};
  prepared.work = {.bytes_read = slice.lines() / chains * chains * kLineBytes};
  prepared.cold = true;
  prepared.rotation = workspace.pool_bytes() / bytes;
  prepared.footprint_bytes = prepared.rotation * bytes;
  prepared.compute_units = static_cast<int32_t>(integer(c, "threads"));
  prepared.check = [&workspace, launch = prepared.launches[0]] {
    return check_chains(workspace.device(), launch);
  };
  return prepared;
}

const BenchRegistrar registrar({.family = "bandwidth",
                                .name = "chains",
                                .question = "how does bandwidth grow with the bytes in flight?",
                                .stage = Stage::kCeiling,
                                .cases = cases,
                                .kernels = {"chains", "fill/bf16"},
                                .prepare = prepare});

}  // namespace
}  // namespace membound

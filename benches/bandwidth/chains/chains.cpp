// SPDX-License-Identifier: Apache-2.0
// Bandwidth as a function of exact bytes in flight: each unit follows L chains of dependent random
// lines side by side, so that 64 * L * units bytes are asked for at any moment, no more and no
// less.
//
// A launch visits every other line of one slice of the pool once (the neighbour is what adjacent
// line prefetchers fetch; it is never used), the next launch goes to the next slice. Pools hold
// random numbers, not pointers: the order comes from a table, read from end to end, and each
// address waits for the line before by a term that is zero but that only the loaded value tells so.
// That costs an AND and an ADD a step, and the pools stay what they are. The table is 3 % of the
// lines' bytes and counts as activation.
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

Check check_chains(const Device& device, const Launch& launch, int64_t bytes) {
  const Slice slice(bytes);
  const int64_t chains = launch.args.n[0] * device.info().compute_units;
  const uint32_t found = run_fold(device, launch, launch.args.buffer[1].data);
  const auto words = device.to_host<uint32_t>(launch.args.buffer[0].data, bytes / 4);
  uint32_t expected = 0;
  const int64_t visited = slice.lines() / chains * chains;
  for (int64_t t = 0; t < visited; ++t) expected ^= words[slice.offset_bytes(t) / 4];
  return {.ok = found == expected,
          .what = "XOR of a word of each line, every line once",
          .max_error = found == expected ? 0.0 : 1.0,
          .bound = 0};
}

std::vector<uint32_t> visits(const Slice& slice) {
  std::vector<uint32_t> pairs(slice.lines());
  for (int64_t t = 0; t < slice.lines(); ++t) {
    pairs[t] = static_cast<uint32_t>(slice.offset_bytes(t) / Slice::kStrideBytes);
  }
  return pairs;
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t chains = integer(c, "threads") * integer(c, "lines");
  const int64_t bytes = slice_bytes(workspace.pool_bytes(), kSliceBytes);
  const Slice slice(bytes);
  Prepared prepared;
  prepared.kernel = "chains";
  prepared.buffers.push_back(device.alloc(kFoldSlots * 4));
  const auto pairs = visits(slice);
  prepared.buffers.push_back(device.alloc(slice.lines() * 4));
  device.copy(prepared.buffers[1].data(), pairs.data(), slice.lines() * 4);
  prepared.launches = {{.kernel = device.need_kernel("chains"),
                        .args = {.buffer = {{workspace.pool(0), bytes},
                                            {prepared.buffers[0].data(), 0},
                                            {prepared.buffers[1].data(), 0}},
                                 .n = {integer(c, "lines"), kFoldSlots, slice.lines(), 0}},
                        .depends = -1}};
  const int64_t visited = slice.lines() / chains * chains;
  prepared.work = {.bytes_read = visited * kLineBytes, .activation_bytes = visited * 4};
  prepared.cold = true;
  prepared.rotation = workspace.pool_bytes() / bytes;
  prepared.footprint_bytes = prepared.rotation * bytes;
  prepared.compute_units = static_cast<int32_t>(integer(c, "threads"));
  prepared.check = [&workspace, launch = prepared.launches[0], bytes] {
    return check_chains(workspace.device(), launch, bytes);
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

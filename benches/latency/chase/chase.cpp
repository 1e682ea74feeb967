// SPDX-License-Identifier: Apache-2.0
// Latency over the working set: one unit follows one random chain, a line a step, so that no
// prefetcher helps and nothing overlaps. Ordinary pages add the cost of translation.
#include <cstdlib>

#include "benches/harness/bench.h"
#include "benches/harness/workspace.h"
#include "benches/latency/permutation.h"

namespace membound {
namespace {

constexpr int64_t kLineBytes = 64;
constexpr int64_t kKibibyte = 1024;
constexpr int64_t kMebibyte = 1024 * kKibibyte;
constexpr int64_t kStepsPerLaunch = 1 << 14;
constexpr int64_t kSlots = 256;

// The smallest power of two that counts as cold.
int64_t cold_bytes(const Workspace& workspace) {
  int64_t bytes = 64 * kMebibyte;
  while (!workspace.is_cold(bytes)) bytes *= 2;
  return bytes;
}

// Where memory is short, and in a check, large ones are left out.
bool affordable(const Workspace& workspace, int64_t bytes) {
  if (workspace.options().action == Action::kCheck) return bytes <= 16 * kMebibyte;
  return bytes <= workspace.device().info().memory_free_bytes / 6;
}

std::vector<Case> cases(Workspace& workspace) {
  std::vector<Case> all;
  const auto add = [&](int64_t bytes, const std::string& pages) {
    if (affordable(workspace, bytes)) {
      all.push_back({"none", {{"bytes", bytes}, {"pages", pages}}});
    }
  };
  const std::string& profile = workspace.options().profile;
  const int64_t cold = cold_bytes(workspace);
  if (profile == "full") {
    for (const std::string pages : {"huge", "small"}) {
      for (int64_t bytes = 4 * kKibibyte; bytes <= cold; bytes *= 2) add(bytes, pages);
    }
    return all;
  }
  add(32 * kKibibyte, "huge");
  if (profile == "standard") {
    for (const int64_t bytes : {kMebibyte, 16 * kMebibyte, 64 * kMebibyte}) add(bytes, "huge");
    add(cold, "huge");
    for (const int64_t bytes : {16 * kMebibyte, 256 * kMebibyte}) add(bytes, "small");
  }
  add(256 * kMebibyte, "huge");
  return all;
}

// After `steps` from the first place the walk stands at that place of the order.
Check check_chain(const Device& device, const Launch& launch, int bits) {
  const Buffer slots = device.alloc(kSlots * kLineBytes);
  Launch verify{.kernel = device.need_kernel("chase/verify"),
                .args = {.buffer = {launch.args.buffer[0], {slots.data(), 0}}, .n = {bits, kSlots}},
                .depends = -1};
  device.run({.launches = &verify, .count = 1, .ordered = 1});
  uint64_t broken = 0;
  for (const uint64_t count : device.to_host<uint64_t>(slots.data(), kSlots * 8)) broken += count;

  const Permutation order(bits);
  Launch walk = launch;
  walk.args.n[1] = std::min<int64_t>(static_cast<int64_t>(order.size()), 100003);
  const auto start = device.to_host<char*>(launch.args.buffer[1].data, 1)[0];
  device.run({.launches = &walk, .count = 1, .ordered = 1});
  const auto end = device.to_host<char*>(launch.args.buffer[1].data, 1)[0];
  const auto line = [&](uint64_t t) {
    return static_cast<char*>(launch.args.buffer[0].data) +
           order.at(t & (order.size() - 1)) * kLineBytes;
  };
  const bool arrived = start == line(0) && end == line(static_cast<uint64_t>(walk.args.n[1]));
  return {.ok = broken == 0 && arrived,
          .what = "one cycle through every line, and where a walk ends",
          .max_error = static_cast<double>(broken) + (arrived ? 0 : 1),
          .bound = 0};
}

// Other benches push the working set out of the caches; those that fit are read back in.
std::function<void()> warm_up(const Device& device, Operand nodes, int64_t bytes, Operand slot) {
  const Launch read{.kernel = device.need_kernel("read/f32"),
                    .args = {.buffer = {nodes, slot}, .n = {bytes, 16}},
                    .depends = -1};
  return [&device, read] { device.run({.launches = &read, .count = 1, .ordered = 1}); };
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t bytes = integer(c, "bytes");
  const int bits = floor_log2(bytes / kLineBytes);
  Prepared prepared;
  prepared.kernel = "chase";
  prepared.buffers.push_back(
      device.alloc(bytes, text(c, "pages") == "small" ? kSmallPages : kDeviceMemory));
  prepared.buffers.push_back(device.alloc(2 * kLineBytes));
  const Operand nodes{prepared.buffers[0].data(), 0};
  const Operand cursor{prepared.buffers[1].data(), 0};
  const Launch build{.kernel = device.need_kernel("chase/build"),
                     .args = {.buffer = {nodes, cursor}, .n = {bits}},
                     .depends = -1};
  device.run({.launches = &build, .count = 1, .ordered = 1});
  prepared.launches = {{.kernel = device.need_kernel("chase"),
                        .args = {.buffer = {nodes, cursor}, .n = {bits, kStepsPerLaunch}},
                        .depends = -1}};
  prepared.work = {.bytes_read = kStepsPerLaunch * kLineBytes};
  prepared.cold = workspace.is_cold(bytes);
  prepared.footprint_bytes = bytes;
  prepared.compute_units = 1;
  if (!prepared.cold) {
    const Operand slot{prepared.buffers[1].at(kLineBytes), 0};
    prepared.before_sample = warm_up(device, nodes, bytes, slot);
  }
  prepared.check = [&workspace, launch = prepared.launches[0], bits] {
    return check_chain(workspace.device(), launch, bits);
  };
  return prepared;
}

const BenchRegistrar registrar(
    {.family = "latency",
     .name = "chase",
     .question = "p = *p: how long does one load take that nothing foresees?",
     .stage = Stage::kCeiling,
     .light = true,
     .cases = cases,
     .kernels = {"chase", "chase/build", "chase/verify", "read/f32"},
     .prepare = prepare});

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// The ceiling of decode: one stream in, nothing out. The kernel folds 32-bit words with XOR, the
// cheapest operation that has to see each byte, so that the sum can be checked exactly.
#include "benches/bandwidth/stream.h"
#include "benches/harness/workspace.h"

namespace membound {
namespace {

constexpr int64_t kSlots = 4096;  // partial sums; a kernel may use any of them

uint32_t fold(const std::vector<uint32_t>& words) {
  uint32_t sum = 0;
  for (const uint32_t word : words) sum ^= word;
  return sum;
}

Check check_read(const Device& device, Launch launch) {
  const int64_t words = std::min<int64_t>(launch.args.n[0] / 4 - 1, 100003);
  launch.args.n[0] = words * 4;
  const std::vector<uint32_t> zeros(kSlots);
  device.copy(launch.args.buffer[1].data, zeros.data(), kSlots * 4);
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto slots = device.to_host<uint32_t>(launch.args.buffer[1].data, kSlots);
  const auto data = device.to_host<uint32_t>(launch.args.buffer[0].data, words);
  const bool same = fold(slots) == fold(data);
  return {.ok = same, .what = "XOR of all words", .max_error = same ? 0.0 : 1.0, .bound = 0};
}

// Beside all units, fewer of them: where that is as fast, memory is saturated.
std::vector<Case> cases(Workspace& workspace) {
  std::vector<Case> all = stream_cases(workspace, 1);
  if (workspace.options().suite == Suite::kSteps) return {all.back()};
  const int64_t largest = integer(all.back(), "bytes");
  const int64_t units = workspace.device().info().compute_units;
  int64_t last = 0;
  for (const int64_t fewer : {units / 4, units / 2, units * 3 / 4, units - 1}) {
    if (fewer <= last) continue;
    last = fewer;
    all.push_back({"f32", {{"mode", "cold"}, {"bytes", largest}, {"threads", fewer}}});
  }
  return all;
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const int64_t bytes = integer(c, "bytes");
  const bool cold = text(c, "mode") == "cold";
  const Device& device = workspace.device();
  Prepared prepared;
  prepared.kernel = "read/f32";
  prepared.buffers.push_back(device.alloc(kSlots * 4));
  prepared.launches = {
      {.kernel = device.need_kernel("read/f32"),
       .args = {.buffer = {{cold ? workspace.pool(0) : workspace.hot(0), cold ? bytes : 0},
                           {prepared.buffers[0].data(), 0}},
                .n = {bytes, kSlots}},
       .depends = -1}};
  prepared.work = {.bytes_read = bytes};
  prepared.cold = cold;
  prepared.rotation = cold ? workspace.pool_bytes() / bytes : 1;
  prepared.footprint_bytes = prepared.rotation * bytes;
  prepared.compute_units = static_cast<int32_t>(integer_or_zero(c, "threads"));
  prepared.check = [&workspace, launch = prepared.launches[0]] {
    return check_read(workspace.device(), launch);
  };
  return prepared;
}

const BenchRegistrar registrar({.family = "bandwidth",
                                .name = "read",
                                .question = "sum ^= a[i]: how fast does memory deliver?",
                                .stage = Stage::kCeiling,
                                .anchor = true,
                                .cases = cases,
                                .kernels = {"read/f32", "fill/bf16"},
                                .prepare = prepare});

}  // namespace
}  // namespace membound

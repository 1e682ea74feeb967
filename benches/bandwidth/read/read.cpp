// SPDX-License-Identifier: Apache-2.0
// The ceiling of decode: one stream in, nothing out. The kernel folds 32-bit words with XOR, the
// cheapest operation that has to see each byte, so that the sum can be checked exactly.
#include "benches/bandwidth/fold.h"
#include "benches/bandwidth/stream.h"
#include "benches/harness/workspace.h"

namespace membound {
namespace {

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
  prepared.buffers.push_back(device.alloc(kFoldSlots * 4));
  prepared.launches = {
      {.kernel = device.need_kernel("read/f32"),
       .args = {.buffer = {{cold ? workspace.pool(0) : workspace.hot(0), cold ? bytes : 0},
                           {prepared.buffers[0].data(), 0}},
                .n = {bytes, kFoldSlots}},
       .depends = -1}};
  prepared.variants = device.variants(prepared.kernel);
  prepared.work = {.bytes_read = bytes};
  prepared.cold = cold;
  prepared.rotation = cold ? workspace.pool_bytes() / bytes : 1;
  prepared.footprint_bytes = prepared.rotation * bytes;
  prepared.compute_units = static_cast<int32_t>(integer_or_zero(c, "threads"));
  prepared.check = [&device, variants = prepared.variants, launch = prepared.launches[0]] {
    return check_variants(device, variants, launch,
                          [&](const Launch& one) { return check_fold(device, one); });
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

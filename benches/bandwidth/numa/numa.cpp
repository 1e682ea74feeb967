// SPDX-License-Identifier: Apache-2.0
// The matrix of memory domains: the cores of one read memory of another, or of their own.
#include "benches/bandwidth/fold.h"
#include "benches/bandwidth/stream.h"
#include "benches/harness/workspace.h"

namespace membound {
namespace {

bool has_units(const Device& device, int32_t domain) {
  const Program nothing{};
  try {
    device.measure(nothing, {.runs = 1, .samples = 1, .rotation = 1, .domain = domain});
    return true;
  } catch (const Error&) {
    return false;  // a domain of memory alone
  }
}

// Below the full profile: each domain's own memory, and all others seen from the first.
std::vector<Case> cases(Workspace& workspace) {
  const Device& device = workspace.device();
  const int32_t domains = device.info().memory_domains;
  const std::string& profile = workspace.options().profile;
  std::vector<Case> all;
  if (domains < 2 || profile == "quick") return all;
  int32_t first = -1;
  for (int32_t source = 0; source < domains; ++source) {
    if (!has_units(device, source)) continue;
    if (first < 0) first = source;
    for (int32_t target = 0; target < domains; ++target) {
      if (profile != "full" && source != target && source != first) continue;
      all.push_back({"f32", {{"source", int64_t{source}}, {"target", int64_t{target}}}});
    }
  }
  return all;
}

// Memory of one domain, shared by all that read it.
std::shared_ptr<Buffer> memory_of(Workspace& workspace, int32_t target) {
  const Device& device = workspace.device();
  const int64_t fair = device.info().memory_free_bytes / (4 * device.info().memory_domains);
  const int64_t bytes = std::min(workspace.pool_bytes(), fair) / 64 * 64;
  return workspace.shared<Buffer>("numa/target:" + std::to_string(target), [&] {
    Buffer buffer = device.alloc(bytes, kDeviceMemory, target);
    fill_random(device, buffer.data(), bytes / 2, "bf16", 31 + target);
    return buffer;
  });
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const auto memory = memory_of(workspace, static_cast<int32_t>(integer(c, "target")));
  const int64_t largest = integer(stream_cases(workspace, 1).back(), "bytes");
  const int64_t bytes = std::min(largest, memory->bytes());
  Prepared prepared;
  prepared.kernel = "read/f32";
  prepared.buffers.push_back(device.alloc(kFoldSlots * 4));
  prepared.launches = {
      {.kernel = device.need_kernel("read/f32"),
       .args = {.buffer = {{memory->data(), bytes}, {prepared.buffers[0].data(), 0}},
                .n = {bytes, kFoldSlots}},
       .depends = -1}};
  prepared.work = {.bytes_read = bytes};
  prepared.cold = true;
  prepared.rotation = memory->bytes() / bytes;
  prepared.footprint_bytes = prepared.rotation * bytes;
  prepared.domain = static_cast<int32_t>(integer(c, "source"));
  prepared.check = [&workspace, memory, launch = prepared.launches[0]] {
    return check_fold(workspace.device(), launch);
  };
  return prepared;
}

const BenchRegistrar registrar(
    {.family = "bandwidth",
     .name = "numa",
     .question = "how fast do the cores of one memory domain read another's memory?",
     .stage = Stage::kCeiling,
     .cases = cases,
     .kernels = {"read/f32", "fill/bf16"},
     .prepare = prepare});

}  // namespace
}  // namespace membound

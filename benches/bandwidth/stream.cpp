// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/stream.h"

#include "benches/bandwidth/stream_check.h"
#include "benches/harness/workspace.h"

namespace membound {
namespace {

constexpr int64_t kKibibyte = 1024;
constexpr int64_t kLineBytes = 64;
constexpr int64_t kSumSlots = 4096;  // a kernel may use any of them

int64_t element_bytes(const std::string& dtype) { return dtype == "f64" ? 8 : 4; }

std::vector<int64_t> sizes(const Workspace& workspace, bool cold) {
  const std::string& profile = workspace.options().profile;
  const int64_t largest = workspace.largest_cold_bytes();
  if (profile == "quick" && cold) return {512 * kKibibyte, 16 << 20, largest};
  if (profile == "quick") return {64 * kKibibyte, 2 << 20, 64 << 20};
  std::vector<int64_t> all;
  const int64_t step = profile == "full" ? 2 : 4;
  for (int64_t bytes = cold ? 64 * kKibibyte : 16 * kKibibyte; bytes < largest; bytes *= step) {
    all.push_back(bytes);
  }
  all.push_back(largest);
  return all;
}

bool non_temporal(const Case& c) { return c.keys.back().first == "store"; }

std::string kernel_name(const Stream& stream, const Case& c) {
  return stream.name + "/" + c.dtype + (non_temporal(c) ? "/nt" : "");
}

// One type and kind of store. The whole curves belong to `read`, which predictions are made from,
// and to the full profile; elsewhere a stream shows its rate from memory, a headline from caches
// too.
std::vector<Case> variant_cases(Workspace& workspace, const Stream& stream,
                                const std::string& dtype, bool nt) {
  const std::string& profile = workspace.options().profile;
  std::vector<Case> cases = stream_cases(workspace, stream.reads + stream.writes);
  const bool ordinary_f32 = dtype == "f32" && !nt;
  if (profile == "full") {
    // Stores that pass by the caches say nothing about them.
    std::erase_if(cases, [nt](const Case& c) { return nt && text(c, "mode") == "hot"; });
  } else if (profile == "quick") {
    const bool shown = ordinary_f32 || (dtype == "f32" && stream.reads > 0);
    if (!stream.headline || !shown) return {};
    cases = {cases.back()};
  } else {
    if (dtype == "f64" && nt) return {};
    if (ordinary_f32 && stream.headline) {
      cases = {cases.front(), cases.back()};
    } else {
      cases = {cases.back()};
    }
  }
  for (Case& c : cases) {
    c.dtype = dtype;
    if (nt) c.keys.push_back({"store", "nt"});
  }
  return cases;
}

std::vector<Case> all_cases(Workspace& workspace, const Stream& stream) {
  std::vector<Case> cases;
  for (const std::string dtype : {"f32", "f64"}) {
    for (const bool nt : {false, true}) {
      const std::string kernel = stream.name + "/" + dtype + (nt ? "/nt" : "");
      if (workspace.device().find_kernel(kernel) == nullptr) continue;
      for (Case& c : variant_cases(workspace, stream, dtype, nt)) cases.push_back(std::move(c));
    }
  }
  return cases;
}

// Each operand goes round its own pool. The pools' bits are valid numbers as f64 too.
Launch launch_over(Workspace& workspace, const Stream& stream, const Case& c, int64_t n) {
  const bool cold = text(c, "mode") == "cold";
  const int64_t stride = cold ? n * element_bytes(c.dtype) : 0;
  const auto memory = [&](int i) -> Operand {
    return {cold ? workspace.pool(i) : workspace.hot(i), stride};
  };
  Launch launch{.kernel = workspace.device().need_kernel(kernel_name(stream, c)),
                .args = {.n = {n, kSumSlots}, .scalar = {stream.scalar}},
                .depends = -1};
  if (stream.writes > 0) launch.args.buffer[0] = memory(2);
  for (int i = 0; i < stream.reads; ++i) launch.args.buffer[1 + i] = memory(i);
  if (stream.in_place) launch.args.buffer[1] = launch.args.buffer[0];
  return launch;
}

Prepared prepare(Workspace& workspace, const Stream& stream, const Case& c) {
  const int64_t element = element_bytes(c.dtype);
  const int64_t n = integer(c, "bytes") / ((stream.reads + stream.writes) * element);
  const int64_t stride = n * element;
  const bool fetches = workspace.device().info().fetches_stores != 0 && stream.writes > 0 &&
                       !stream.in_place && !non_temporal(c);
  Prepared prepared;
  prepared.kernel = kernel_name(stream, c);
  prepared.launches = {launch_over(workspace, stream, c, n)};
  prepared.work = {.bytes_read = stream.reads * stride,
                   .bytes_written = stream.writes * stride,
                   .write_allocate_bytes = fetches ? stride : 0,
                   .flops = {{c.dtype, stream.flops_per_element * n}}};
  prepared.cold = text(c, "mode") == "cold";
  prepared.rotation = prepared.cold ? workspace.pool_bytes() / stride : 1;
  prepared.footprint_bytes = prepared.rotation * stride;
  if (stream.writes == 0) {
    prepared.buffers.push_back(workspace.device().alloc(kSumSlots * element));
    prepared.launches[0].args.buffer[0] = {prepared.buffers[0].data(), 0};
  }
  const Device& device = workspace.device();
  prepared.variants = device.variants(prepared.kernel);
  prepared.check = [&device, stream, c, prepared_launch = prepared.launches[0],
                    variants = prepared.variants] {
    return check_variants(device, variants, prepared_launch, [&](const Launch& launch) {
      return check_stream(device, stream, c.dtype, launch);
    });
  };
  return prepared;
}

}  // namespace

std::vector<Case> stream_cases(Workspace& workspace, int operands) {
  std::vector<Case> cases;
  for (const bool cold : {false, true}) {
    int64_t last = 0;
    for (int64_t bytes : sizes(workspace, cold)) {
      // Whole cache lines for each operand, so that buffer sets don't share one.
      const int64_t whole = kLineBytes * operands;
      bytes = std::min(bytes, workspace.hot_bytes()) / whole * whole;
      if (bytes == last) continue;  // where memory is short
      last = bytes;
      cases.push_back({"f32", {{"mode", cold ? "cold" : "hot"}, {"bytes", bytes}}});
    }
  }
  return cases;
}

Bench stream_bench(const Stream& stream) {
  return {.family = "bandwidth",
          .name = stream.name,
          .question = stream.question,
          .stage = Stage::kCeiling,
          .cases = [stream](Workspace& w) { return all_cases(w, stream); },
          .kernels = {stream.name + "/f32", "fill/bf16"},
          .prepare = [stream](Workspace& w, const Case& c) { return prepare(w, stream, c); }};
}

}  // namespace membound

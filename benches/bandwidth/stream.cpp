// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/stream.h"

#include <cmath>

#include "benches/harness/workspace.h"

namespace membound {
namespace {

constexpr int64_t kKibibyte = 1024;
constexpr int64_t kElementBytes = 4;

std::vector<int64_t> sizes(const std::string& profile, bool cold) {
  if (profile == "quick" && cold) return {512 * kKibibyte, 16 << 20, 256 << 20};
  if (profile == "quick") return {64 * kKibibyte, 2 << 20, 64 << 20};
  std::vector<int64_t> all;
  const int64_t step = profile == "full" ? 2 : 4;
  for (int64_t bytes = cold ? 64 * kKibibyte : 16 * kKibibyte; bytes <= 256 << 20; bytes *= step) {
    all.push_back(bytes);
  }
  return all;
}

// Buffer 0 is the result; each operand goes round its own pool.
Launch launch_over(Workspace& workspace, const Stream& stream, int64_t n, bool cold) {
  const int64_t stride = cold ? n * kElementBytes : 0;
  const auto memory = [&](int i) { return cold ? workspace.pool(i) : workspace.hot(i); };
  Launch launch{.kernel = workspace.device().need_kernel(stream.name + "/f32"),
                .args = {.n = {n}, .scalar = {kStreamScalar}},
                .depends = -1};
  launch.args.buffer[0] = {memory(2), stride};
  for (int i = 0; i < stream.reads; ++i) launch.args.buffer[1 + i] = {memory(i), stride};
  return launch;
}

Check check_stream(const Device& device, const Stream& stream, Launch launch) {
  // An odd count shows tails that are left out; one element past the end shows overruns.
  const int64_t n = std::min<int64_t>(launch.args.n[0] - 1, 100003);
  launch.args.n[0] = n;
  const auto before = device.to_host<float>(launch.args.buffer[0].data, n + 1);
  const auto b = device.to_host<float>(launch.args.buffer[1].data, n);
  const auto c = stream.reads > 1 ? device.to_host<float>(launch.args.buffer[2].data, n)
                                  : std::vector<float>(n, 0.0f);
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto a = device.to_host<float>(launch.args.buffer[0].data, n + 1);
  Check check{.what = "every element against float64", .bound = 1.2e-7};
  for (int64_t i = 0; i < n; ++i) {
    const double size = kStreamScalar * (std::abs(static_cast<double>(b[i])) + std::abs(c[i]));
    const double error = std::abs(a[i] - stream.reference(b[i], c[i])) / size;
    check.max_error = std::max(check.max_error, error);
  }
  const bool kept = std::isnan(before[n]) ? std::isnan(a[n]) : a[n] == before[n];
  check.ok = check.max_error <= check.bound && kept;
  return check;
}

Prepared prepare_stream(Workspace& workspace, const Stream& stream, const Case& c) {
  const int operands = stream.reads + stream.writes;
  const int64_t n = integer(c, "bytes") / (operands * kElementBytes);
  const int64_t stride = n * kElementBytes;
  const bool cold = text(c, "mode") == "cold";
  const Launch launch = launch_over(workspace, stream, n, cold);
  Prepared prepared;
  prepared.kernel = stream.name + "/f32";
  prepared.launches = {launch};
  prepared.work = {.bytes_read = stream.reads * stride,
                   .bytes_written = stream.writes * stride,
                   .write_allocate_bytes = stream.writes * stride,
                   .flops = {{"f32", stream.flops_per_element * n}}};
  prepared.cold = cold;
  prepared.rotation = cold ? workspace.pool_bytes() / stride : 1;
  prepared.footprint_bytes = prepared.rotation * stride;
  prepared.check = [&workspace, stream, launch] {
    return check_stream(workspace.device(), stream, launch);
  };
  return prepared;
}

}  // namespace

std::vector<Case> stream_cases(Workspace& workspace, int operands) {
  std::vector<Case> cases;
  for (const bool cold : {false, true}) {
    for (int64_t bytes : sizes(workspace.options().profile, cold)) {
      // Whole cache lines for each operand, so that buffer sets don't share one.
      const int64_t whole = int64_t{64} * operands;
      bytes = std::min(bytes, workspace.hot_bytes()) / whole * whole;
      cases.push_back({"f32", {{"mode", cold ? "cold" : "hot"}, {"bytes", bytes}}});
    }
  }
  return cases;
}

Bench stream_bench(const Stream& stream) {
  return {
      .family = "bandwidth",
      .name = stream.name,
      .question = stream.question,
      .stage = Stage::kCeiling,
      .cases = [stream](Workspace& w) { return stream_cases(w, stream.reads + stream.writes); },
      .kernels = {stream.name + "/f32", "fill/bf16"},
      .prepare = [stream](Workspace& w, const Case& c) { return prepare_stream(w, stream, c); }};
}

}  // namespace membound

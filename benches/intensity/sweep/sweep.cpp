// SPDX-License-Identifier: Apache-2.0
// The roofline by experiment: one cold stream, and for each byte of it more and more arithmetic
// from registers. At best bytes and flops overlap in full and a launch takes the longer of its
// bytes at the read ceiling and its flops at the multiply-add ceiling; near the ridge it takes
// more.
#include <bit>
#include <cmath>

#include "benches/harness/bench.h"
#include "benches/harness/workspace.h"
#include "benches/intensity/sweep/turn.h"

namespace membound {
namespace {

constexpr double kFactor = 0.99951171875;  // chains forget slowly: what is left out shows
constexpr double kAddend = 0.0001220703125;
constexpr int64_t kLargestBytes = int64_t{256} << 20;
constexpr int64_t kBytesBoundFlops = 16384;  // per KiB; above, launches read less in the same time
constexpr int64_t kKibibyte = 1024;

std::vector<Case> cases(Workspace& workspace) {
  const std::string& profile = workspace.options().profile;
  std::vector<int64_t> chosen = {1024, 8192, 16384, 32768, 131072};
  if (profile == "standard") chosen = {64, 512, 2048, 4096, 8192, 16384, 32768, 65536, 262144};
  if (profile == "full") {
    chosen.clear();
    for (int64_t flops = kSweepLeast; flops <= kSweepMost; flops *= 2) chosen.push_back(flops);
  }
  std::vector<Case> all;
  for (const int64_t flops : chosen) all.push_back({"f32", {{"flops_per_kib", flops}}});
  return all;
}

// Bytes of one launch: whole turns for each of `parts`, about as long at every intensity.
int64_t launch_bytes(const Workspace& workspace, int64_t flops_per_kib, int64_t parts) {
  const int64_t most = std::min(kLargestBytes, workspace.pool_bytes());
  const int64_t wanted = most / std::max<int64_t>(1, flops_per_kib / kBytesBoundFlops);
  const int64_t whole = parts * kSweepTurnBytes;
  MEMBOUND_CHECK(wanted >= whole, "too little memory for one turn of each unit");
  return wanted / whole * whole;
}

// The definition in turn.h, one element at a time, in double.
struct Reference {
  std::vector<double> chain = std::vector<double>(kSweepChains * 16);
  uint32_t folded = 0;
  double largest = 0;  // |v| of any chain at any time

  void step(double& v, double addend) {
    v = v * kFactor + addend;
    largest = std::max(largest, std::abs(v));
  }
};

Reference reference(const std::vector<float>& data, int64_t flops_per_kib, int64_t lanes) {
  Reference result;
  const int64_t half = static_cast<int64_t>(data.size()) / 2;
  const int64_t every = sweep_every(flops_per_kib);
  for (int64_t at = 0; at < half; at += lanes) {
    const int64_t pair = at / lanes % kSweepChains;
    for (int64_t i = 0; i < 2 * lanes; ++i) {
      const int64_t second = i / lanes;
      const float value = data[at + i % lanes + second * half];
      const bool taken = (2 * pair + second) % every == 0;
      if (taken) result.step(result.chain[pair * 16 + i % lanes], value);
      if (!taken) result.folded ^= std::bit_cast<uint32_t>(value);
    }
    if (pair % kSweepGroup != kSweepGroup - 1) continue;
    for (int64_t round = 0; round < sweep_rounds(flops_per_kib, pair / kSweepGroup); ++round) {
      for (double& v : result.chain) result.step(v, kAddend);
    }
  }
  return result;
}

// Every chain of every part. A rounding of 2^-24 of the largest v dies out with the factor: the sum
// of all that are left is at most 1 / (1 - factor) of them, and twice that without fused steps.
Check check(const Device& device, Launch launch) {
  const int64_t parts = launch.args.n[1];
  const int64_t bytes = 5 * kSweepTurnBytes;
  launch.args.n[0] = bytes * parts;
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto data = device.to_host<float>(launch.args.buffer[0].data, bytes * parts / 4);
  const auto results = device.to_host<SweepResult>(launch.args.buffer[1].data, parts);
  Check check{.what = "every chain against float64, the rest's XOR; relative to the largest value",
              .bound = 2 * 0x1p-24 / (1 - kFactor)};
  for (int64_t part = 0; part < parts; ++part) {
    const SweepResult& found = results[part];
    const auto begin = data.begin() + part * bytes / 4;
    const Reference expected = reference({begin, begin + bytes / 4}, launch.args.n[2], found.lanes);
    check.ok = check.ok && found.folded == expected.folded;
    for (int64_t i = 0; i < kSweepChains * static_cast<int64_t>(found.lanes); ++i) {
      const int64_t j = i / found.lanes, lane = i % found.lanes;
      const double error = std::abs(found.chain[j][lane] - expected.chain[j * 16 + lane]);
      const double relative = error / expected.largest;
      check.max_error =
          relative > check.max_error || std::isnan(relative) ? relative : check.max_error;
    }
  }
  check.ok = check.ok && check.max_error <= check.bound;
  return check;
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t flops_per_kib = integer(c, "flops_per_kib");
  const int64_t parts = device.info().compute_units;
  const int64_t bytes = launch_bytes(workspace, flops_per_kib, parts);
  Prepared prepared;
  prepared.kernel = "sweep/f32";
  prepared.buffers.push_back(device.alloc(parts * static_cast<int64_t>(sizeof(SweepResult))));
  prepared.launches = {
      {.kernel = device.need_kernel(prepared.kernel),
       .args = {.buffer = {{workspace.pool(0), bytes}, {prepared.buffers[0].data(), 0}},
                .n = {bytes, parts, flops_per_kib},
                .scalar = {kFactor, kAddend}},
       .depends = -1}};
  prepared.work = {
      .bytes_read = bytes,
      .flops = {{"f32", bytes / kSweepTurnBytes * (kSweepTurnBytes * flops_per_kib / kKibibyte)}}};
  prepared.cold = true;
  prepared.rotation = workspace.pool_bytes() / bytes;
  prepared.footprint_bytes = prepared.rotation * bytes;
  prepared.check = [&workspace, launch = prepared.launches[0]] {
    return check(workspace.device(), launch);
  };
  return prepared;
}

const BenchRegistrar registrar(
    {.family = "intensity",
     .name = "sweep",
     .question = "flops for each byte of a cold stream: where do bytes stop to be the cap?",
     .stage = Stage::kCeiling,
     .cases = cases,
     .kernels = {"sweep/f32", "fill/bf16"},
     .prepare = prepare});

}  // namespace
}  // namespace membound

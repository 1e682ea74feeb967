// SPDX-License-Identifier: Apache-2.0
// Would more requests in flight raise the rate of `read`? Units, streams of each unit and the
// distance of its prefetches are varied on the largest cold read; memory is saturated where more of
// none of them helps. On a device with many threads a unit the streams are loads that a thread has
// in flight at a time, and `ahead` the bytes that all threads of a unit ask for by one load each.
#include "benches/bandwidth/fold.h"
#include "benches/bandwidth/stream.h"
#include "benches/harness/workspace.h"

namespace membound {
namespace {

struct Point {
  int64_t streams;
  int64_t ahead_bytes;
};

// From a quarter of a unit's threads to all, by loads of 16 bytes. What eight loads of all of them
// take doesn't fit a unit's registers.
std::vector<Point> points_of_threads(const std::string& profile, bool all_units, int64_t threads) {
  const int64_t all = threads * 16;
  if (profile == "quick" && !all_units) return {};
  if (profile == "quick") return {{2, all / 2}, {4, all / 2}, {4, all}};
  std::vector<Point> grid;
  for (const int64_t streams : {1, 2, 4, 8}) {
    for (const int64_t ahead : {all / 4, all / 2, all}) {
      if (streams * ahead > 4 * all) continue;
      if (profile == "full" || all_units || streams % 3 == 1) grid.push_back({streams, ahead});
    }
  }
  return grid;
}

std::vector<Point> points(const std::string& profile, bool all_units) {
  if (profile == "quick") {
    if (!all_units) return {};
    return {{4, 2048}, {8, 2048}};
  }
  if (profile == "standard") {
    if (!all_units) return {{1, 0}, {2, 512}, {4, 2048}, {8, 2048}};
    return {{1, 0}, {2, 512}, {2, 2048}, {4, 512}, {4, 2048}, {8, 2048}};
  }
  std::vector<Point> grid;
  for (const int64_t streams : {1, 2, 4, 8}) {
    for (const int64_t ahead : {0, 512, 2048, 8192}) grid.push_back({streams, ahead});
  }
  return grid;
}

std::vector<Case> cases(Workspace& workspace) {
  const std::string& profile = workspace.options().profile;
  const int64_t units = workspace.device().info().compute_units;
  const int64_t unit_threads = workspace.device().info().unit_threads;
  std::vector<int64_t> threads = {1, units / 2, units};
  if (profile != "full") threads.erase(threads.begin());
  std::vector<Case> all;
  int64_t last = 0;
  for (const int64_t count : threads) {
    if (count <= last) continue;
    last = count;
    const auto chosen = unit_threads > 1 ? points_of_threads(profile, count == units, unit_threads)
                                         : points(profile, count == units);
    for (const Point& point : chosen) {
      all.push_back(
          {"f32", {{"threads", count}, {"streams", point.streams}, {"ahead", point.ahead_bytes}}});
    }
  }
  return all;
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t bytes = integer(stream_cases(workspace, 1).back(), "bytes");
  Prepared prepared;
  prepared.kernel = "saturation/f32";
  prepared.buffers.push_back(device.alloc(kFoldSlots * 4));
  prepared.launches = {
      {.kernel = device.need_kernel("saturation/f32"),
       .args = {.buffer = {{workspace.pool(0), bytes}, {prepared.buffers[0].data(), 0}},
                .n = {bytes, kFoldSlots, integer(c, "streams"), integer(c, "ahead")}},
       .depends = -1}};
  prepared.work = {.bytes_read = bytes};
  prepared.cold = true;
  prepared.rotation = workspace.pool_bytes() / bytes;
  prepared.footprint_bytes = prepared.rotation * bytes;
  prepared.compute_units = static_cast<int32_t>(integer(c, "threads"));
  prepared.check = [&workspace, launch = prepared.launches[0]] {
    return check_fold(workspace.device(), launch);
  };
  return prepared;
}

const BenchRegistrar registrar(
    {.family = "bandwidth",
     .name = "saturation",
     .question = "would more units or more bytes in flight raise the rate of reads?",
     .stage = Stage::kCeiling,
     .cases = cases,
     .kernels = {"saturation/f32", "fill/bf16"},
     .prepare = prepare});

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// Rows in random order, as attention reads a paged KV cache: each row is contiguous, the next one
// is anywhere. A launch gathers every row of one slice of the pool once by a table of row numbers;
// the next launch goes to the next slice. The table stays in caches and counts as activation.
#include "benches/bandwidth/fold.h"
#include "benches/harness/workspace.h"
#include "benches/latency/permutation.h"

namespace membound {
namespace {

constexpr int64_t kSliceBytes = 128 << 20;

std::vector<Case> cases(Workspace& workspace) {
  if (workspace.options().profile == "quick") return {};
  std::vector<Case> all;
  for (const int64_t row : {64, 256, 1024, 4096}) {
    all.push_back({"f32", {{"mode", "cold"}, {"row", row}}});
  }
  return all;
}

// A count of rows that is odd, so that a tail left out shows.
Check check_gather(const Device& device, Launch launch, const std::vector<int32_t>& table) {
  const int64_t rows = std::min<int64_t>(launch.args.n[0] - 1, 10007);
  const int64_t row_words = launch.args.n[2] / 4;
  launch.args.n[0] = rows;
  const uint32_t found = run_fold(device, launch, launch.args.buffer[1].data);
  uint32_t expected = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const char* row =
        static_cast<const char*>(launch.args.buffer[0].data) + table[i] * launch.args.n[2];
    expected ^= fold(device.to_host<uint32_t>(row, row_words));
  }
  return {.ok = found == expected,
          .what = "XOR of all words of the rows",
          .max_error = found == expected ? 0.0 : 1.0,
          .bound = 0};
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t row = integer(c, "row");
  const int64_t slice = int64_t{1} << floor_log2(std::min(workspace.pool_bytes() / 4, kSliceBytes));
  const Permutation order(floor_log2(slice / row));
  std::vector<int32_t> table(order.size());
  for (uint64_t i = 0; i < order.size(); ++i) table[i] = static_cast<int32_t>(order.at(i));
  const auto rows = static_cast<int64_t>(table.size());

  Prepared prepared;
  prepared.kernel = "gather/f32";
  prepared.buffers.push_back(device.alloc(kFoldSlots * 4));
  prepared.buffers.push_back(device.alloc(rows * 4));
  device.copy(prepared.buffers[1].data(), table.data(), rows * 4);
  prepared.launches = {{.kernel = device.need_kernel("gather/f32"),
                        .args = {.buffer = {{workspace.pool(0), slice},
                                            {prepared.buffers[0].data(), 0},
                                            {prepared.buffers[1].data(), 0}},
                                 .n = {rows, kFoldSlots, row}},
                        .depends = -1}};
  prepared.work = {.bytes_read = rows * row, .activation_bytes = rows * 4};
  prepared.cold = true;
  prepared.rotation = workspace.pool_bytes() / slice;
  prepared.footprint_bytes = prepared.rotation * slice;
  prepared.check = [&device, launch = prepared.launches[0], table] {
    return check_gather(device, launch, table);
  };
  return prepared;
}

const BenchRegistrar registrar(
    {.family = "bandwidth",
     .name = "gather",
     .question = "how fast are rows read that lie anywhere, as in a paged KV cache?",
     .stage = Stage::kCeiling,
     .cases = cases,
     .kernels = {"gather/f32", "fill/bf16"},
     .prepare = prepare});

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// The gemv kernel with quantised weights that stay in the caches: what dequantisation and the
// products allow where no byte has to come from memory.
#include <algorithm>
#include <set>

#include "benches/inference/matmul.h"
#include "benches/inference/model_cases.h"

namespace membound {
namespace {

// Of weights for each unit: well within a core's L2. Units that share one have half of it together.
constexpr int64_t kUnitBytes = int64_t{256} << 10;

std::vector<Case> cases(Workspace& workspace) {
  const Options& options = workspace.options();
  const std::string& dtype = options.types.weights;
  if (!options.model || !is_quantised(dtype)) return {};
  const int64_t k = options.model->hidden;
  const DeviceInfo& info = workspace.device().info();
  int64_t bytes = kUnitBytes;
  if (info.llc_bytes > 0) bytes = std::min(bytes, info.llc_bytes / 2 / info.compute_units);
  const int64_t rows = info.compute_units * (bytes / stored_bytes(dtype, k) / 32 * 32);
  if (rows == 0) return {};
  std::vector<Case> all;
  for (const int64_t m : std::set(options.batches.begin(), options.batches.end())) {
    if (m <= kGemvRows) all.push_back({dtype, {{"m", m}, {"n", rows}, {"k", k}}});
  }
  return all;
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t m = integer(c, "m"), n = integer(c, "n"), k = integer(c, "k");
  Prepared prepared;
  prepared.kernel = "gemv/" + c.dtype;
  prepared.buffers.push_back(device.alloc(n * stored_bytes(c.dtype, k)));
  prepared.buffers.push_back(random_floats(device, m * k, 21));
  prepared.buffers.push_back(device.alloc(m * n * 4));
  fill_weights(device, prepared.buffers[0].data(), n, k, c.dtype, 31);
  const Launch launch{.kernel = device.need_kernel(prepared.kernel),
                      .args = {.buffer = {{prepared.buffers[0].data()},
                                          {prepared.buffers[1].data()},
                                          {prepared.buffers[2].data()}},
                               .n = {m, n, k, 0}},
                      .depends = -1};
  prepared.launches = {launch};
  prepared.work = matmul_work(m, n, k, false, c.dtype);
  prepared.footprint_bytes = prepared.buffers[0].bytes();
  prepared.check = [&device, launch, dtype = c.dtype] {
    return check_matmul(device, launch, dtype);
  };
  return prepared;
}

const BenchRegistrar registrar(
    {.family = "inference",
     .name = "dequant",
     .question = "quantised weights from the caches times few tokens: what dequantisation allows",
     .light = true,
     .cases = cases,
     .kernels = {"gemv/q8_0", "gemv/q4_0", "fill/q8_0", "fill/q4_0", "fill/f32"},
     .prepare = prepare});

}  // namespace
}  // namespace membound

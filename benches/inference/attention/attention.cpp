// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/heads.h"

namespace membound {
namespace {

// Keys and values go round two pools: any bits of a pool are valid elements in any layout.
Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const Heads heads = heads_of(device, c);
  const int64_t stride = heads.cache_bytes();
  MEMBOUND_CHECK(stride <= workspace.pool_bytes(), "keys of one layer don't fit the pool");
  HeadsBuffers buffers(device, heads);
  Prepared prepared;
  prepared.launches = {
      {.kernel = device.need_kernel("attention/" + c.dtype),
       .args = buffers.args(heads, true, {workspace.pool(0), stride}, {workspace.pool(1), stride}),
       .depends = -1}};
  prepared.buffers = std::move(buffers).take();
  prepared.cold = true;
  prepared.rotation = workspace.pool_bytes() / stride;
  prepared.footprint_bytes = prepared.rotation * stride;
  prepared.check = [&device, heads] { return check_heads(device, heads); };
  return prepared;
}

// How the rate changes with the length of what one launch streams.
std::vector<StepSpec> longer_contexts(const Options& options) {
  std::vector<int64_t> contexts;
  if (options.profile == "standard") contexts = {512, 2048, 8192};
  if (options.profile == "full") contexts = {128, 512, 2048, 8192, 32768};
  std::vector<StepSpec> steps;
  for (const int64_t context : contexts) steps.push_back({StepSpec::kDecode, 1, context});
  return steps;
}

const BenchRegistrar registrar(kernel_bench(
    "attention", "new tokens attend to a cache in memory, queries of a group share its loads",
    kHeadsKernels, prepare, longer_contexts));

}  // namespace
}  // namespace membound

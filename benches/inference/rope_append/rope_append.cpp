// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/heads.h"

namespace membound {
namespace {

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const Heads heads = heads_of(device, c);
  HeadsBuffers buffers(device, heads);
  Prepared prepared;
  Buffer keys = device.alloc(heads.cache_bytes());
  Buffer values = device.alloc(heads.cache_bytes());
  prepared.launches = {{.kernel = device.need_kernel("rope_append/" + c.dtype),
                        .args = buffers.args(heads, false, {keys.data(), 0}, {values.data(), 0}),
                        .depends = -1}};
  prepared.buffers = std::move(buffers).take();
  prepared.buffers.push_back(std::move(keys));
  prepared.buffers.push_back(std::move(values));
  prepared.check = [&device, heads] { return check_heads(device, heads); };
  return prepared;
}

const BenchRegistrar registrar(
    kernel_bench("rope_append", "rotate queries and keys, append keys and values to the cache",
                 kHeadsKernels, prepare));

}  // namespace
}  // namespace membound

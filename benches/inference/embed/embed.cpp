// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/model_cases.h"
#include "benches/model/device_weights.h"

namespace membound {
namespace {

constexpr int64_t kTokenSets = 4096;  // other rows at each launch, as tokens come

std::vector<int32_t> random_tokens(int64_t count, int64_t vocab) {
  std::vector<int32_t> tokens(count);
  uint64_t state = 1;
  for (auto& token : tokens) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    token = static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(vocab));
  }
  return tokens;
}

// The table is the whole pool: a row is met again only after many launches.
Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t rows = integer(c, "rows");
  const int64_t width = integer(c, "width");
  const int64_t vocab =
      std::min<int64_t>(workspace.pool_bytes() / stored_bytes(c.dtype, width), INT32_MAX);
  const auto tokens = random_tokens(rows * kTokenSets, vocab);
  Prepared prepared;
  prepared.buffers.push_back(device.alloc(rows * kTokenSets * 4));
  prepared.buffers.push_back(device.alloc(rows * width * 4));
  device.copy(prepared.buffers[0].data(), tokens.data(), rows * kTokenSets * 4);
  const Launch launch{.kernel = device.need_kernel("embed/" + c.dtype),
                      .args = {.buffer = {{workspace.pool(0), 0},
                                          {prepared.buffers[0].data(), rows * 4},
                                          {prepared.buffers[1].data(), 0}},
                               .n = {rows, width, vocab}},
                      .depends = -1};
  prepared.launches = {launch};
  prepared.rotation = kTokenSets;
  prepared.footprint_bytes = rows * 4 * kTokenSets;
  prepared.check = [&device, launch, rows, width, vocab, tokens, dtype = c.dtype] {
    device.run({.launches = &launch, .count = 1, .ordered = 1});
    const auto x = device.to_host<float>(launch.args.buffer[2].data, rows * width);
    std::vector<double> expected;
    for (int64_t r = 0; r < rows; ++r) {
      const auto row =
          weights_row(device, launch.args.buffer[0].data, vocab, width, dtype, tokens[r]);
      expected.insert(expected.end(), row.begin(), row.end());
    }
    return compare("every element, exactly", 0, x, expected);
  };
  return prepared;
}

const BenchRegistrar registrar(kernel_bench("embed", "gather of embedding rows from memory",
                                            {"embed/f32", "embed/f16", "embed/bf16", "fill/bf16"},
                                            prepare));

}  // namespace
}  // namespace membound

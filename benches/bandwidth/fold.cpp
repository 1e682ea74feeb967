// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/fold.h"

namespace membound {

uint32_t fold(const std::vector<uint32_t>& words) {
  uint32_t sum = 0;
  for (const uint32_t word : words) sum ^= word;
  return sum;
}

uint32_t run_fold(const Device& device, const Launch& launch, void* slots) {
  const std::vector<uint32_t> zeros(kFoldSlots);
  device.copy(slots, zeros.data(), kFoldSlots * 4);
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  return fold(device.to_host<uint32_t>(slots, kFoldSlots));
}

Check check_fold(const Device& device, Launch launch) {
  const int64_t words = std::min<int64_t>(launch.args.n[0] / 4 - 1, 100003);
  launch.args.n[0] = words * 4;
  const uint32_t found = run_fold(device, launch, launch.args.buffer[1].data);
  const bool same = found == fold(device.to_host<uint32_t>(launch.args.buffer[0].data, words));
  return {.ok = same, .what = "XOR of all words", .max_error = same ? 0.0 : 1.0, .bound = 0};
}

}  // namespace membound

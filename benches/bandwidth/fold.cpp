// SPDX-License-Identifier: Apache-2.0
#include "benches/bandwidth/fold.h"

namespace membound {

uint32_t fold(const std::vector<uint32_t>& words) {
  uint32_t sum = 0;
  for (const uint32_t word : words) sum ^= word;
  return sum;
}

uint32_t run_fold(const Device& device, const Launch& launch, void* slots, int32_t units) {
  const std::vector<uint32_t> zeros(kFoldSlots);
  device.copy(slots, zeros.data(), kFoldSlots * 4);
  device.measure({.launches = &launch, .count = 1, .ordered = 1},
                 {.runs = 1, .samples = 1, .rotation = 1, .first_set = 0, .compute_units = units});
  return fold(device.to_host<uint32_t>(slots, kFoldSlots));
}

Check check_fold(const Device& device, const Launch& launch) {
  const auto matches = [&](int64_t most, int32_t units) {
    const int64_t words = std::min(launch.args.n[0] / 4 - 1, most);
    Launch shorter = launch;
    shorter.args.n[0] = words * 4;
    const uint32_t found = run_fold(device, shorter, launch.args.buffer[1].data, units);
    return found == fold(device.to_host<uint32_t>(launch.args.buffer[0].data, words));
  };
  // All units, then one with so long a share that it takes the way of long ones.
  const bool same = matches(100003, 0) && matches(3000017, 1);
  return {.ok = same, .what = "XOR of all words", .max_error = same ? 0.0 : 1.0, .bound = 0};
}

}  // namespace membound

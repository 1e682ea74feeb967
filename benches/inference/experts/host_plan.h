// SPDX-License-Identifier: Apache-2.0
// A plan for benches that need one without a router: tokens go to experts in turn.
#pragma once

#include <vector>

#include "backends/loader.h"
#include "benches/inference/experts/plan.h"

namespace membound {

class HostPlan {
 public:
  // Pair i goes to the (i % touched)-th of `touched` experts, which are spread evenly over all.
  HostPlan(int64_t pairs, int64_t per_token, int64_t experts, int64_t touched)
      : experts_(experts), pairs_(pairs), memory_(ExpertPlan::bytes(experts, pairs) / 4) {
    for (int64_t i = 0; i < pairs; ++i) {
      view().chosen[i] = static_cast<int32_t>(i % touched * experts / touched);
    }
    std::vector<int32_t> count(experts);
    sort_by_expert(view(), experts, pairs, per_token, count.data());
  }

  ExpertPlan view() { return {memory_.data(), experts_, pairs_}; }

  Buffer upload(const Device& device) const {
    Buffer buffer = device.alloc(static_cast<int64_t>(memory_.size()) * 4);
    device.copy(buffer.data(), memory_.data(), buffer.bytes());
    return buffer;
  }

 private:
  int64_t experts_, pairs_;
  std::vector<int32_t> memory_;
};

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// Which tokens go to which experts: `route` writes it, `experts` and `combine` read it. A pair is a
// token with one of its experts; sorted by expert, pairs are slots, so that the tokens of an expert
// lie together and its weights are read once.
#pragma once

#include <algorithm>
#include <cstdint>

namespace membound {

// Views of one buffer of int32.
struct ExpertPlan {
  int32_t* arrived;        // threads of `route` that are done; zero between launches
  int32_t* touched;        // experts with at least one token
  int32_t* chosen;         // [pairs] the expert of each pair, pairs in order of tokens
  int32_t* expert;         // [touched] in ascending order
  int32_t* first_slot;     // [touched + 1]
  int32_t* token_of_slot;  // [pairs]
  int32_t* slot_of_pair;   // [pairs]

  ExpertPlan(void* buffer, int64_t experts, int64_t pairs)
      : arrived(static_cast<int32_t*>(buffer)),
        touched(arrived + 1),
        chosen(arrived + 16),
        expert(chosen + pairs),
        first_slot(expert + experts),
        token_of_slot(first_slot + experts + 1),
        slot_of_pair(token_of_slot + pairs) {}

  // Must be zeroed once.
  static constexpr int64_t bytes(int64_t experts, int64_t pairs) {
    return 4 * (16 + 2 * experts + 1 + 3 * pairs);
  }
};

// Everything else from `chosen`. `count` is room for one number an expert.
inline void sort_by_expert(const ExpertPlan& plan, int64_t experts, int64_t pairs,
                           int64_t per_token, int32_t* count) {
  std::fill(count, count + experts, 0);
  for (int64_t i = 0; i < pairs; ++i) ++count[plan.chosen[i]];
  int32_t touched = 0, slot = 0;
  for (int64_t e = 0; e < experts; ++e) {
    if (count[e] == 0) continue;
    plan.expert[touched] = static_cast<int32_t>(e);
    plan.first_slot[touched++] = slot;
    slot += count[e];
    count[e] = slot - count[e];  // from here on: the expert's next free slot
  }
  plan.first_slot[touched] = slot;
  *plan.touched = touched;
  for (int64_t i = 0; i < pairs; ++i) {
    const int32_t at = count[plan.chosen[i]]++;
    plan.token_of_slot[at] = static_cast<int32_t>(i / per_token);
    plan.slot_of_pair[i] = at;
  }
}

// Sums over launches of `route`.
struct ExpertCounters {
  int64_t touched;
  int64_t launches;
};

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// Chooses each token's experts: the k largest logits, the lowest expert of equal ones.
// Buffers: 0 logits f32 [rows][E], 1 weights f32 [rows][k], 2 plan (experts/plan.h), 3
// ExpertCounters. Sizes: rows, E, k (up to 64), renormalise.
//
//   for (r = 0; r < rows; ++r) {
//     p = softmax(logits[r]);
//     chosen[r] = the k experts with the largest p, largest first;
//     weights[r] = p of these, over their sum where renormalise;
//   }
//   sort the pairs of token and expert by expert; count the experts that have any;
//
// Fewest bytes: none but activations; flops: 2 * rows * E. A few hundred exponentials a token: not
// worth an instruction set of its own.
#include <atomic>
#include <cmath>
#include <vector>

#include "backends/cpu/kernel.h"
#include "benches/inference/experts/plan.h"

namespace membound::cpu {
namespace {

constexpr int64_t kMostChosen = 64;

// The k largest of x in `best`, largest first.
void choose(const float* x, int64_t count, int64_t k, int32_t* best) {
  int64_t kept = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (kept == k && !(x[i] > x[best[k - 1]])) continue;
    int64_t place = kept < k ? kept++ : k - 1;
    for (; place > 0 && x[i] > x[best[place - 1]]; --place) best[place] = best[place - 1];
    best[place] = static_cast<int32_t>(i);
  }
}

void route_row(const float* logits, int64_t experts, int64_t k, bool renormalise, int32_t* chosen,
               float* weights) {
  choose(logits, experts, k, chosen);
  const float most = logits[chosen[0]];
  float sum = 0;
  for (int64_t i = 0; i < k; ++i) sum += weights[i] = std::exp(logits[chosen[i]] - most);
  if (!renormalise) {
    sum = 0;
    for (int64_t e = 0; e < experts; ++e) sum += std::exp(logits[e] - most);
  }
  for (int64_t i = 0; i < k; ++i) weights[i] /= sum;
}

void route(const Args& args, Team team) {
  const int64_t rows = args.n[0], experts = args.n[1], k = std::min(args.n[2], kMostChosen);
  const ExpertPlan plan(args.buffer[2].data, experts, rows * k);
  const Range mine = share(rows, 1, team);
  for (int64_t row = mine.begin; row < mine.end; ++row) {
    route_row(pointer<float>(args, 0) + row * experts, experts, k, args.n[3] != 0,
              plan.chosen + row * k, pointer<float>(args, 1) + row * k);
  }
  // The last thread to arrive sorts: that takes no barrier.
  std::atomic_ref<int32_t> arrived(*plan.arrived);
  if (arrived.fetch_add(1, std::memory_order_acq_rel) != team.threads - 1) return;
  arrived.store(0, std::memory_order_relaxed);
  static thread_local std::vector<int32_t> count;
  count.resize(static_cast<size_t>(experts));
  sort_by_expert(plan, experts, rows * k, k, count.data());
  auto* counters = pointer<ExpertCounters>(args, 3);
  counters->touched += *plan.touched;
  counters->launches += 1;
}

const Registrar registrar("route/f32", route);

}  // namespace
}  // namespace membound::cpu

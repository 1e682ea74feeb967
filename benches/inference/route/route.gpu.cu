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
// Fewest bytes: none but activations; flops: 2 * rows * E. A block has a row and a thread an
// expert, whose place is the number of those before it: a look at each, and nobody waits. The last
// block sorts.
#include "benches/inference/experts/plan.h"
#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kMostChosen = 64;

struct Routing {
  const float* logits;
  float* weights;
  ExpertPlan plan;
  ExpertCounters* counters;
  int64_t rows, experts, k;
  bool renormalise;
};

// The experts of one row; `shared` has room for its logits.
__device__ void choose(const Routing& r, int64_t row, float* shared) {
  __shared__ float largest[kMostChosen], slots[kThreads / 32];
  for (int64_t e = threadIdx.x; e < r.experts; e += kThreads) {
    shared[e] = r.logits[row * r.experts + e];
  }
  __syncthreads();
  for (int64_t e = threadIdx.x; e < r.experts; e += kThreads) {
    const float own = shared[e];
    int64_t place = 0;
    for (int64_t i = 0; i < r.experts; ++i) {
      place += shared[i] > own || (shared[i] == own && i < e) ? 1 : 0;
    }
    if (place >= r.k) continue;
    r.plan.chosen[row * r.k + place] = static_cast<int32_t>(e);
    largest[place] = own;
  }
  __syncthreads();
  float sum = 0;
  const float* counted = r.renormalise ? largest : shared;
  for (int64_t i = threadIdx.x; i < (r.renormalise ? r.k : r.experts); i += kThreads) {
    sum += expf(counted[i] - largest[0]);
  }
  sum = join_block<Sum>(sum, slots);
  for (int64_t i = threadIdx.x; i < r.k; i += kThreads) {
    r.weights[row * r.k + i] = expf(largest[i] - largest[0]) / sum;
  }
}

// Everything else of the plan from `chosen`; `count` and `next` have a number for each expert.
__device__ void sort(const Routing& r, int32_t* count, int32_t* next) {
  const int64_t pairs = r.rows * r.k;
  for (int64_t e = threadIdx.x; e < r.experts; e += kThreads) count[e] = 0;
  __syncthreads();
  for (int64_t i = threadIdx.x; i < pairs; i += kThreads) atomicAdd(&count[r.plan.chosen[i]], 1);
  __syncthreads();
  for (int64_t e = threadIdx.x; e < r.experts; e += kThreads) {
    int32_t touched = 0, slot = 0;
    for (int64_t i = 0; i < e; ++i) {
      touched += count[i] > 0 ? 1 : 0;
      slot += count[i];
    }
    next[e] = slot;
    if (count[e] > 0) {
      r.plan.expert[touched] = static_cast<int32_t>(e);
      r.plan.first_slot[touched++] = slot;
    }
    if (e + 1 == r.experts) {
      r.plan.first_slot[touched] = static_cast<int32_t>(pairs);
      *r.plan.touched = touched;
      r.counters->touched += touched;
      r.counters->launches += 1;
    }
  }
  __syncthreads();
  for (int64_t i = threadIdx.x; i < pairs; i += kThreads) {
    const int32_t at = atomicAdd(&next[r.plan.chosen[i]], 1);
    r.plan.token_of_slot[at] = static_cast<int32_t>(i / r.k);
    r.plan.slot_of_pair[i] = at;
  }
}

__global__ void __launch_bounds__(kThreads) route(Routing r) {
  MEMBOUND_DYNAMIC_SHARED(unsigned char, memory);
  let_next_start();
  wait_for_previous();
  choose(r, blockIdx.x, reinterpret_cast<float*>(memory));
  if (!last_to_arrive(r.plan.arrived, r.rows)) return;
  auto* numbers = reinterpret_cast<int32_t*>(memory);
  sort(r, numbers, numbers + r.experts);
}

const Registrar registrar("route/f32", [](const Args& args, const Site& site) {
  const int64_t rows = args.n[0], experts = args.n[1];
  const int64_t k = std::min<int64_t>(args.n[2], kMostChosen);
  const Routing r = {pointer<float>(args, 0),
                     pointer<float>(args, 1),
                     ExpertPlan(args.buffer[2].data, experts, rows * k),
                     pointer<ExpertCounters>(args, 3),
                     rows,
                     experts,
                     k,
                     args.n[3] != 0};
  const Grid grid = {static_cast<uint32_t>(rows), kThreads, static_cast<uint32_t>(8 * experts)};
  launch_overlapped(route, grid, site, r);
});

}  // namespace
}  // namespace membound::gpu

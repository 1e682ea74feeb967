// SPDX-License-Identifier: Apache-2.0
// tokens[b] = index of the largest logit, the lowest of equal ones.
// Buffers: 0 logits [B][V], 1 tokens int32 [B], 2 scratch (scratch.h). Sizes: B, V.
//
//   for (b = 0; b < B; ++b)
//     for (best = i = 0; i < V; ++i)
//       if (logits[b][i] > logits[b][best]) best = i, tokens[b] = best;
//
// Fewest bytes: none but activations; no flops. One SM would take several microseconds for a row of
// 128000 in the L2: blocks have parts of it, and the last one compares these.
#include "benches/inference/argmax/scratch.h"
#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {
namespace {

constexpr int kThreads = 256;

struct Rows {
  const float* logits;
  int32_t* tokens;
  int32_t* arrived;
  ArgmaxPart* parts;
  int64_t width;
};

// The larger one, of equal ones the first. A NaN compares false and is passed over.
struct Better {
  __device__ ArgmaxPart operator()(ArgmaxPart a, ArgmaxPart b) const {
    return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
  }
};

// Over the block; all get the result.
__device__ ArgmaxPart best_of_block(ArgmaxPart own) {
  __shared__ ArgmaxPart slots[kThreads / 32];
  const int wave = wave_size(), waves = kThreads / wave;
  for (int mask = wave / 2; mask > 0; mask /= 2) {
    own = Better()(own, {shuffle_xor(own.value, mask, wave), shuffle_xor(own.index, mask, wave)});
  }
  __syncthreads();
  if (threadIdx.x % wave == 0) slots[threadIdx.x / wave] = own;
  __syncthreads();
  for (int i = 0; i < waves; ++i) own = Better()(own, slots[i]);
  return own;
}

__global__ void __launch_bounds__(kThreads) argmax(Rows rows) {
  constexpr ArgmaxPart kNone = {-INFINITY, INT32_MAX};
  let_next_start();
  wait_for_previous();
  const int64_t row = blockIdx.y, parts = gridDim.x;
  const int64_t begin = rows.width * blockIdx.x / parts;
  const int64_t end = rows.width * (blockIdx.x + 1) / parts;
  ArgmaxPart own = kNone;
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    own = Better()(own, {rows.logits[row * rows.width + i], static_cast<int32_t>(i)});
  }
  own = best_of_block(own);
  ArgmaxPart* of_row = rows.parts + row * kArgmaxParts;
  if (threadIdx.x == 0) of_row[blockIdx.x] = own;
  if (!last_to_arrive(rows.arrived + row, parts)) return;
  own = best_of_block(threadIdx.x < parts ? of_row[threadIdx.x] : kNone);
  // Nothing but NaN: the first.
  if (threadIdx.x == 0) rows.tokens[row] = own.index == INT32_MAX ? 0 : own.index;
}

const Registrar registrar("argmax/f32", [](const Args& args, const Site& site) {
  const int64_t count = args.n[0], width = args.n[1];
  char* scratch = pointer<char>(args, 2);
  const Rows rows = {pointer<float>(args, 0), pointer<int32_t>(args, 1),
                     reinterpret_cast<int32_t*>(scratch),
                     reinterpret_cast<ArgmaxPart*>(scratch + argmax_counter_bytes(count)), width};
  const int64_t parts = std::min({kArgmaxParts, (width + 4 * kThreads - 1) / (4 * kThreads),
                                  std::max<int64_t>(1, 2 * site.compute_units / count)});
  const dim3 blocks(static_cast<uint32_t>(parts), static_cast<uint32_t>(count));
  launch_overlapped(argmax, Grid{blocks, kThreads}, site, rows);
});

}  // namespace
}  // namespace membound::gpu

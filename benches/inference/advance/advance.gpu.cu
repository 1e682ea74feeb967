// SPDX-License-Identifier: Apache-2.0
// Moves on to the next token; at the limit the context starts again.
// Buffers: 0 StepState. Sizes: start, limit.
//
//   position = position + 1 < limit ? position + 1 : start;
//   step += 1;
//
// Fewest bytes: none but the state; no flops.
#include "backends/gpu/kernel.h"
#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {

static __global__ void advance(StepState* state, int64_t start, int64_t limit) {
  let_next_start();
  wait_for_previous();
  const int64_t next = state->position + 1;
  state->position = next < limit ? next : start;
  state->step += 1;
}

static const Registrar registrar("advance", [](const Args& args, const Site& site) {
  launch_overlapped(advance, Grid{1, 1}, site, pointer<StepState>(args, 0), args.n[0], args.n[1]);
});

}  // namespace membound::gpu

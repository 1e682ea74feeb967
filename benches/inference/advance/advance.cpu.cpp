// SPDX-License-Identifier: Apache-2.0
// Moves on to the next token; at the limit the context starts again.
// Buffers: 0 StepState. Sizes: start, limit.
//
//   position = position + 1 < limit ? position + 1 : start;
//   step += 1;
//
// Fewest bytes: none but the state; no flops. Nothing here is worth an instruction set of its own.
#include "backends/cpu/kernel.h"

namespace membound::cpu {
namespace {

void advance(const Args& args, Team team) {
  if (team.thread != 0) return;
  StepState* state = pointer<StepState>(args, 0);
  const int64_t next = state->position + 1;
  state->position = next < args.n[1] ? next : args.n[0];
  state->step += 1;
}

const Registrar registrar("advance", advance);

}  // namespace
}  // namespace membound::cpu

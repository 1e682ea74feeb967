// SPDX-License-Identifier: Apache-2.0
// Folds one 32-bit word of each line into buffer 1 (n[1] words, XOR), as n[0] chains of dependent
// loads a thread; 64 bytes cross the bus for each word. Buffer 0: a slice; buffer 2: n[2] 32-bit
// numbers of line pairs in it, in the order of the visit; n[3] is 0, which the compiler doesn't
// know. A handful of instructions a line, so that a processor's window holds a step of all chains.
#include <cstdint>

#include "backends/cpu/kernel.h"
#include "benches/latency/slice.h"

namespace membound::cpu {
namespace {

template <int kLines>
uint32_t follow(const Args& args, Team team) {
  const char* data = pointer<const char>(args, 0);
  const auto zero = static_cast<uint32_t>(args.n[3]);
  const int64_t steps = args.n[2] / (int64_t{kLines} * team.threads);
  const uint32_t* pair = pointer<const uint32_t>(args, 2) + kLines * team.thread * steps;
  uint32_t sum = 0;
  uint32_t value[kLines] = {};
  for (int64_t step = 0; step < steps; ++step, pair += kLines) {
    for (int chain = 0; chain < kLines; ++chain) {
      const char* line = data + int64_t{pair[chain]} * Slice::kStrideBytes;
      value[chain] = *reinterpret_cast<const uint32_t*>(line + (value[chain] & zero));
      sum ^= value[chain];
    }
  }
  return sum;
}

void chains(const Args& args, Team team) {
  uint32_t& slot = pointer<uint32_t>(args, 1)[team.thread * 16 % args.n[1]];
  switch (args.n[0]) {
    case 1:
      slot ^= follow<1>(args, team);
      break;
    case 2:
      slot ^= follow<2>(args, team);
      break;
    case 4:
      slot ^= follow<4>(args, team);
      break;
    case 8:
      slot ^= follow<8>(args, team);
      break;
    case 16:
      slot ^= follow<16>(args, team);
      break;
    case 32:
      slot ^= follow<32>(args, team);
      break;
  }
}

const Registrar registrar("chains", chains);

}  // namespace
}  // namespace membound::cpu

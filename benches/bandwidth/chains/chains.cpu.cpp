// SPDX-License-Identifier: Apache-2.0
// Folds one 32-bit word of each line of a slice of n[2] bytes into buffer 1 (n[1] words, XOR), as
// n[0] chains of dependent loads a thread; n[3] is 0, which the compiler doesn't know. 64 bytes
// cross the bus for each word.
#include <cstdint>

#include "backends/cpu/kernel.h"
#include "benches/latency/slice.h"

namespace membound::cpu {
namespace {

template <int kLines>
uint32_t follow(const Args& args, Team team) {
  const char* data = pointer<const char>(args, 0);
  const Slice slice(args.n[2]);
  const uint32_t zero = static_cast<uint32_t>(args.n[3]);
  const int64_t steps = slice.lines() / (int64_t{kLines} * team.threads);
  const int64_t first = int64_t{kLines} * team.thread * steps;
  uint32_t sum = 0;
  uint32_t value[kLines] = {};
  for (int64_t step = 0; step < steps; ++step) {
    for (int chain = 0; chain < kLines; ++chain) {
      const int64_t offset = slice.offset_bytes(first + chain * steps + step);
      const char* line = data + offset + (value[chain] & zero);
      value[chain] = *reinterpret_cast<const uint32_t*>(line);
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

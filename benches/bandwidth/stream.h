// SPDX-License-Identifier: Apache-2.0
// What the stream benches share. Each runs over `writes` results and `reads` operands of n floats,
// one pass a launch, in two curves that must not be confused:
//   hot   the same working set again and again: caches, up to memory
//   cold  every launch takes the next `bytes` of a pool of at least four last-level caches
// `bytes` counts what the loop reads and writes; lines fetched for ordinary stores are listed
// apart.
#pragma once

#include <string>

#include "benches/harness/bench.h"

namespace membound {

struct Stream {
  std::string name;
  std::string question;
  int reads;   // operands b, c: buffers 1, 2
  int writes;  // result a: buffer 0
  int flops_per_element;
  double (*reference)(double b, double c);
};

// n[0] elements, scalar[0] = kStreamScalar.
inline constexpr double kStreamScalar = 3.0;

Bench stream_bench(const Stream& stream);

// Bytes a launch for the options' profile: {hot, cold} sizes, none above the pool.
std::vector<Case> stream_cases(Workspace& workspace, int operands);

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// What the stream benches share. Each runs over operands of n elements, one pass a launch, in two
// curves that must not be confused:
//   hot   the same working set again and again: caches, up to memory
//   cold  every launch takes the next `bytes` of a pool of at least four last-level caches
// `bytes` counts what the loop reads and writes; lines fetched for ordinary stores are listed
// apart.
//
// A stream is offered for each kernel that the device has: NAME/f32 (needed), NAME/f64, and with
// non-temporal stores NAME/f32/nt and NAME/f64/nt, which appear as `store:nt`.
#pragma once

#include <string>

#include "benches/harness/bench.h"

namespace membound {

inline constexpr double kStreamScalar = 3.0;

// Buffer 0 is the result a, buffers 1 and 2 are the operands b and c; n[0] elements, scalar[0] = s.
// Where nothing is written, buffer 0 takes partial sums of reference(b, c): n[1] slots of the
// operands' type, one a unit, each on a line of its own; the kernel adds to them.
struct Stream {
  std::string name;
  std::string question;
  int reads;   // operands b, c
  int writes;  // 1, or 0 for a sum
  int flops_per_element;
  double (*reference)(double b, double c);
  double scalar = kStreamScalar;
  bool in_place = false;  // b is a itself, so that no store fetches a line
  bool headline = false;  // one of the few that a quick run shows
};

Bench stream_bench(const Stream& stream);

// Hot and cold cases in one type for the options' profile, none above the pool; the last is the
// largest cold one.
std::vector<Case> stream_cases(Workspace& workspace, int operands);

}  // namespace membound

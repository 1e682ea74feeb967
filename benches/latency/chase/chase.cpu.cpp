// SPDX-License-Identifier: Apache-2.0
// One chain of dependent loads. A node fills a cache line: the address of the next node and its own
// place in the order.
#include <cstdint>

#include "backends/cpu/kernel.h"
#include "benches/latency/permutation.h"

namespace membound::cpu {
namespace {

struct alignas(64) Node {
  const Node* next;
  uint64_t place;
};

// Buffer 0: 2^n[0] nodes. Buffer 1: where the walk stands; set to the first place.
void build(const Args& args, Team team) {
  Node* nodes = pointer<Node>(args, 0);
  const Permutation order(static_cast<int>(args.n[0]));
  const auto count = static_cast<int64_t>(order.size());
  const Range range = share(count, 1, team);
  for (int64_t t = range.begin; t < range.end; ++t) {
    const uint64_t next = t + 1 < count ? t + 1 : 0;
    nodes[order.at(t)] = {nodes + order.at(next), static_cast<uint64_t>(t)};
  }
  if (team.thread == 0) *pointer<const Node*>(args, 1) = nodes + order.at(0);
}

// Adds to buffer 1 (64-bit words, one on each of n[1] cache lines) the nodes whose successor is not
// the next place in the order. None: the chain is one cycle through all nodes, for 2^n[0] steps
// from anywhere pass 2^n[0] places.
void verify(const Args& args, Team team) {
  const Node* nodes = pointer<Node>(args, 0);
  const int64_t count = int64_t{1} << args.n[0];
  const Range range = share(count, 1, team);
  uint64_t broken = 0;
  for (int64_t i = range.begin; i < range.end; ++i) {
    const uint64_t wanted = (nodes[i].place + 1) & static_cast<uint64_t>(count - 1);
    const int64_t next = nodes[i].next - nodes;
    broken += next < 0 || next >= count || nodes[next].place != wanted;
  }
  pointer<uint64_t>(args, 1)[team.thread % args.n[1] * 8] += broken;
}

// n[1] steps on from where buffer 1 says; 64 bytes a step. One unit walks.
void chase(const Args& args, Team team) {
  if (team.thread != 0) return;
  const Node** cursor = pointer<const Node*>(args, 1);
  const Node* node = *cursor;
  for (int64_t step = 0; step < args.n[1]; ++step) node = node->next;
  *cursor = node;
}

const Registrar registrars[] = {{"chase/build", build}, {"chase/verify", verify}, {"chase", chase}};

}  // namespace
}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
// Unit 0 follows one chain through the slice of n[0] bytes in buffer 0; the others read their
// shares of the n[2] bytes in buffer 2 until it is through, a line at a time, with n[3] turns of an
// empty loop (about a clock cycle each) after each line. Buffer 1: a LoadedUnit for each unit. n[1]
// is 0, which the compiler doesn't know.
#include <atomic>
#include <chrono>
#include <cstdint>

#include "backends/cpu/kernel.h"
#include "benches/latency/loaded/state.h"
#include "benches/latency/slice.h"

namespace membound::cpu {
namespace {

constexpr int64_t kLineBytes = 64;

uint32_t word_at(const char* line) { return *reinterpret_cast<const uint32_t*>(line); }

void walk(const Args& args, LoadedUnit& unit) {
  const char* data = pointer<const char>(args, 0);
  const Slice slice(args.n[0]);
  const auto zero = static_cast<uint32_t>(args.n[1]);
  const auto start = std::chrono::steady_clock::now();
  uint32_t value = 0;
  uint32_t sum = 0;
  for (int64_t step = 0; step < slice.lines(); ++step) {
    value = word_at(data + slice.offset_bytes(step) + (value & zero));
    sum ^= value;
  }
  unit.checksum ^= sum;
  unit.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::atomic_ref(unit.launches).store(unit.launches + 1, std::memory_order_release);
}

void inject(const Args& args, Team team, LoadedUnit& unit, LoadedUnit& walker) {
  const Range range =
      share(args.n[2] / kLineBytes, 1, {.thread = team.thread - 1, .threads = team.threads - 1});
  const char* data = pointer<const char>(args, 2) + range.begin * kLineBytes;
  const int64_t count = range.end - range.begin;
  int64_t next = unit.next_line;
  int64_t lines = 0;
  uint32_t sum = 0;
  while (std::atomic_ref(walker.launches).load(std::memory_order_acquire) <= unit.launches) {
    // Some lines between two looks, for the flag's line is the walker's.
    for (int i = 0; i < 16; ++i, ++lines) {
      sum ^= word_at(data + next * kLineBytes);
      next = next + 1 < count ? next + 1 : 0;
      for (int64_t turn = 0; turn < args.n[3]; ++turn) asm volatile("");
    }
  }
  unit.next_line = next;
  unit.lines += lines;
  unit.checksum ^= sum;
  ++unit.launches;
}

void loaded(const Args& args, Team team) {
  LoadedUnit* units = pointer<LoadedUnit>(args, 1);
  if (team.thread == 0) {
    walk(args, units[0]);
  } else {
    inject(args, team, units[team.thread], units[0]);
  }
}

const Registrar registrar("loaded", loaded);

}  // namespace
}  // namespace membound::cpu

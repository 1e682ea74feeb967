// SPDX-License-Identifier: Apache-2.0
// sum ^= all words of row table[i]: n[0] rows of n[2] bytes (whole lines) in buffer 0, slots of
// buffer 1 (n[1] words), table of 32-bit row numbers in buffer 2. 4 more bytes a row from the
// table. The rows to come are known, so that their lines are fetched ahead, as many as buffers
// hold.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/bandwidth/gather/gather.cpu.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backends/cpu/kernel.h"
#include "benches/bandwidth/fold-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kLineBytes = 64;
constexpr int64_t kAheadBytes = 2048;

void Gather(const Args& args, Team team) {
  const char* data = pointer<const char>(args, 0);
  const int32_t* table = pointer<const int32_t>(args, 2);
  const int64_t row_bytes = args.n[2];
  const int64_t ahead = std::max<int64_t>(1, kAheadBytes / row_bytes);  // rows
  // The rest of a long row is fetched from within it.
  const int64_t head_bytes = std::min(row_bytes, kAheadBytes);
  const hn::CappedTag<uint32_t, 16> d;
  const int64_t lanes = hn::Lanes(d);
  auto sum = hn::Zero(d);
  const Range range = share(args.n[0], 1, team);
  for (int64_t i = range.begin; i < range.end; ++i) {
    const char* row = data + table[i] * row_bytes;
    const char* next = data + table[std::min(i + ahead, range.end - 1)] * row_bytes;
    for (int64_t at = 0; at < row_bytes; at += kLineBytes) {
      const bool within = at + head_bytes < row_bytes;
      hwy::Prefetch(within ? row + at + head_bytes : next + at + head_bytes - row_bytes);
      const uint32_t* line = reinterpret_cast<const uint32_t*>(row + at);
      for (int64_t j = 0; j < 16; j += lanes) sum = hn::Xor(sum, hn::LoadU(d, line + j));
    }
  }
  pointer<uint32_t>(args, 1)[team.thread * 16 % args.n[1]] ^= xor_lanes(d, sum);
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(Gather);
MEMBOUND_CPU_KERNEL("gather/f32", Gather);
}  // namespace membound::cpu
#endif

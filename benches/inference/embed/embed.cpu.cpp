// SPDX-License-Identifier: Apache-2.0
// x[r] = table[tokens[r]], widened to f32.
// Buffers: 0 table [V][H], 1 tokens int32 [rows], 2 x [rows][H]. Sizes: rows, H, V.
//
//   for (r = 0; r < rows; ++r)
//     for (i = 0; i < H; ++i) x[r][i] = table[tokens[r]][i];
//
// Fewest bytes: rows * H of the table; no flops.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/inference/embed/embed.cpu.cpp"
#include <algorithm>

#include "hwy/foreach_target.h"
// Keep the order: what follows needs what foreach_target.h sets up.
#include "backends/cpu/kernel.h"
#include "benches/inference/kernels/quantised-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

template <typename T>
void copy_part(const T* from, int64_t count, float* to) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(load(from + i), Floats(), to + i);
  for (; i < count; ++i) to[i] = widen(from[i]);
}

template <typename T>
void embed(const Args& args, Team team) {
  const int32_t* tokens = pointer<int32_t>(args, 1);
  const int64_t rows = args.n[0], width = args.n[1], vocabulary = args.n[2];
  const Range mine = share(rows * width, kLineElements<float>, team);
  for (int64_t at = mine.begin; at < mine.end;) {
    const int64_t row = at / width, column = at - row * width;
    const int64_t count = std::min(width - column, mine.end - at);
    // A token that is none must not read beyond the table.
    const int64_t token = std::clamp<int64_t>(tokens[row], 0, vocabulary - 1);
    copy_part(pointer<T>(args, 0) + token * width + column, count, pointer<float>(args, 2) + at);
    at += count;
  }
}

// Of a row in a panel each word shares its line with those of other rows: up to 16 times the row's
// bytes come from memory. One token of a step is a thousandth of what the step reads.
template <typename Q>
void embed_quantised(const Args& args, Team team) {
  const int32_t* tokens = pointer<int32_t>(args, 1);
  const Panels<Q> table = {pointer<uint8_t>(args, 0), args.n[2], args.n[1] / kScaleBlock};
  const Range mine = share(args.n[0] * table.blocks, 1, team);
  for (int64_t at = mine.begin; at < mine.end; ++at) {
    const int64_t token = std::clamp<int64_t>(tokens[at / table.blocks], 0, args.n[2] - 1);
    widen_block(table.panel(token), token % kPanelRows, at % table.blocks,
                pointer<float>(args, 2) + at * kScaleBlock);
  }
}

void embed_q8_0(const Args& args, Team team) { embed_quantised<Q8>(args, team); }
void embed_q4_0(const Args& args, Team team) { embed_quantised<Q4>(args, team); }
void embed_bf16(const Args& args, Team team) { embed<uint16_t>(args, team); }
void embed_f16(const Args& args, Team team) { embed<Half>(args, team); }
void embed_f32(const Args& args, Team team) { embed<float>(args, team); }

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(embed_bf16);
HWY_EXPORT(embed_f16);
HWY_EXPORT(embed_f32);
HWY_EXPORT(embed_q8_0);
HWY_EXPORT(embed_q4_0);
MEMBOUND_CPU_KERNEL("embed/bf16", embed_bf16);
MEMBOUND_CPU_KERNEL("embed/f16", embed_f16);
MEMBOUND_CPU_KERNEL("embed/f32", embed_f32);
MEMBOUND_CPU_KERNEL("embed/q8_0", embed_q8_0);
MEMBOUND_CPU_KERNEL("embed/q4_0", embed_q4_0);
}  // namespace membound::cpu
#endif

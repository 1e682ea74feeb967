// SPDX-License-Identifier: Apache-2.0
// y = x / sqrt(mean(x^2) + eps) * weight, row by row.
// Buffers: 0 x, 1 weight [width], 2 y [rows][width]. Sizes: rows, width, first_row, row_stride (row
// r of y comes from row first_row + r * row_stride of x). Scalar: eps.
//
//   for (r = 0; r < rows; ++r) {
//     for (sum = i = 0; i < width; ++i) sum += x[r][i] * x[r][i];
//     for (i = 0; i < width; ++i) y[r][i] = x[r][i] * weight[i] / sqrt(sum / width + eps);
//   }
//
// Fewest bytes: 4 * width weights; flops: 4 * rows * width.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/inference/rmsnorm/rmsnorm.cpu.cpp"
#include <algorithm>
#include <cmath>

#include "hwy/foreach_target.h"
// Keep the order: what follows needs what foreach_target.h sets up.
#include "backends/cpu/kernel.h"
#include "benches/inference/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

float sum_of_squares(const float* x, int64_t width) {
  const Floats d;
  Vector sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  int64_t i = 0;
  for (; i + 4 * kLanes <= width; i += 4 * kLanes) {
    for (int part = 0; part < 4; ++part) {
      const Vector v = load(x + i + part * kLanes);
      sum[part] = hn::MulAdd(v, v, sum[part]);
    }
  }
  float total = sum_lanes(hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3])));
  for (; i < width; ++i) total += x[i] * x[i];
  return total;
}

void scale_row(const float* x, const float* weight, float scale, Range part, float* y) {
  const Floats d;
  int64_t i = part.begin;
  for (; i + kLanes <= part.end; i += kLanes) {
    hn::StoreU(hn::Mul(hn::Mul(load(x + i), hn::Set(d, scale)), load(weight + i)), d, y + i);
  }
  for (; i < part.end; ++i) y[i] = x[i] * scale * weight[i];
}

// Threads share elements, not rows: of the single row in decode each sums all squares itself, which
// is cheaper than a barrier, and writes its part.
void rmsnorm(const Args& args, Team team) {
  const float* x = pointer<float>(args, 0);
  const int64_t rows = args.n[0], width = args.n[1];
  const Range mine = share(rows * width, kLineElements<float>, team);
  for (int64_t at = mine.begin; at < mine.end;) {
    const int64_t row = at / width;
    const Range part = {at - row * width, std::min(width, mine.end - row * width)};
    const float* from = x + (args.n[2] + row * args.n[3]) * width;
    const float mean = sum_of_squares(from, width) / static_cast<float>(width);
    const float scale = 1.0f / std::sqrt(mean + static_cast<float>(args.scalar[0]));
    scale_row(from, pointer<float>(args, 1), scale, part, pointer<float>(args, 2) + row * width);
    at = row * width + part.end;
  }
}

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(rmsnorm);
MEMBOUND_CPU_KERNEL("rmsnorm/f32", rmsnorm);
}  // namespace membound::cpu
#endif

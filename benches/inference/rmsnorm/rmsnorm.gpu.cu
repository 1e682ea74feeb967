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
// Fewest bytes: 4 * width weights; flops: 4 * rows * width. Latency is all: a block has one row, or
// a part of it where rows are few, and then sums up the whole row itself, as that is less than to
// wait for others.
#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {
namespace {

constexpr int kThreads = 512;

struct Norm {
  const float *x, *weight;
  float* y;
  int64_t width, first_row, row_stride, part;  // elements of a row that a block writes
  float epsilon;
};

template <int kWidth>
__global__ void __launch_bounds__(kThreads) rmsnorm(Norm norm) {
  __shared__ float slots[kThreads / 32];
  let_next_start();
  const int64_t begin = blockIdx.y * norm.part;
  const int64_t end = begin + norm.part < norm.width ? begin + norm.part : norm.width;
  wait_for_previous();
  const float* x = norm.x + (norm.first_row + blockIdx.x * norm.row_stride) * norm.width;
  float sum = 0;
  for (int64_t i = threadIdx.x * kWidth; i < norm.width; i += kThreads * kWidth) {
    const auto v = load<kWidth>(x + i);
    for (int j = 0; j < kWidth; ++j) sum += v[j] * v[j];
  }
  const float squares = join_block<Sum>(sum, slots);
  const float scale = 1.0f / sqrtf(squares / static_cast<float>(norm.width) + norm.epsilon);
  float* y = norm.y + blockIdx.x * norm.width;
  for (int64_t i = begin + threadIdx.x * kWidth; i < end; i += kThreads * kWidth) {
    auto v = load<kWidth>(x + i);
    const auto weight = load<kWidth>(norm.weight + i);
    for (int j = 0; j < kWidth; ++j) v[j] = v[j] * scale * weight[j];
    store(y + i, v);
  }
}

const Registrar registrar("rmsnorm/f32", [](const Args& args, const Site& site) {
  const int64_t rows = args.n[0], width = args.n[1];
  // Parts of whole vectors of all threads; more of them than compute units gain nothing.
  constexpr int64_t kPart = kThreads * 4;
  const int64_t parts = (width + kPart - 1) / kPart;
  const bool split = rows * parts <= site.compute_units;
  const Norm norm = {pointer<float>(args, 0),
                     pointer<float>(args, 1),
                     pointer<float>(args, 2),
                     width,
                     args.n[2],
                     args.n[3],
                     split ? kPart : width,
                     static_cast<float>(args.scalar[0])};
  const Grid grid = {dim3(static_cast<uint32_t>(rows), split ? static_cast<uint32_t>(parts) : 1),
                     kThreads};
  launch_overlapped(width % 4 == 0 ? rmsnorm<4> : rmsnorm<1>, grid, site, norm);
});

}  // namespace
}  // namespace membound::gpu

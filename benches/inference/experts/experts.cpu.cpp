// SPDX-License-Identifier: Apache-2.0
// y[slot][N] = x[slot or its token][K] . W[expert of the slot][N][K]^T: one matrix for each expert
// that has tokens.
// Buffers: 0 W [E][N][K], 1 x, 2 y f32 [pairs][N], 3 plan (plan.h). Sizes: pairs, N, K, E, gather
// (1: x is [tokens][K], 0: [pairs][K] in order of slots).
//
//   for (each touched expert e)
//     for (each slot s of e)
//       for (n = 0; n < N; ++n)
//         for (y[s][n] = k = 0; k < K; ++k) y[s][n] += x[s][k] * W[e][n][k];
//
// Fewest bytes: N * K weights of each touched expert; flops: 2 * pairs * N * K. The products are
// those of gemv and gemm, row by row of what these would do for an expert alone.
#include <algorithm>
#include <string>
#include <vector>

#include "backends/cpu/kernel.h"
#include "benches/inference/experts/plan.h"
#include "benches/inference/kernels/quantised.h"

namespace membound::cpu {
namespace {

constexpr int64_t kGemvTokens = 64;  // as in model/steps.h
constexpr int64_t kBlock = 32;       // rows that threads share: whole tiles of every kernel
// Tokens with which an expert costs twice what it costs with one, about: until then its bytes.
constexpr int64_t kTokensOfBytes = 32;

struct Kernels {
  KernelFunction few, many;  // tokens
};

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The inputs of slots [first, last), one after the other.
float* inputs(const Args& args, const ExpertPlan& plan, int64_t first, int64_t last) {
  static thread_local std::vector<float> gathered;
  const int64_t width = args.n[2];
  float* x = pointer<float>(args, 1);
  if (args.n[4] == 0) return x + first * width;
  if (last - first == 1) return x + plan.token_of_slot[first] * width;
  gathered.resize(static_cast<size_t>((last - first) * width));
  for (int64_t slot = first; slot < last; ++slot) {
    const float* from = x + plan.token_of_slot[slot] * width;
    std::copy(from, from + width, gathered.data() + (slot - first) * width);
  }
  return gathered.data();
}

// Rows `rows` of one expert's matrix with all its tokens.
void one_expert(const Args& args, const Kernels& kernels, int64_t row_bytes, const ExpertPlan& plan,
                int64_t index, Range rows) {
  const int64_t height = args.n[1], width = args.n[2];
  const int64_t first = plan.first_slot[index], last = plan.first_slot[index + 1];
  char* w = pointer<char>(args, 0) + plan.expert[index] * height * row_bytes;
  const Args one{.buffer = {{w},
                            {inputs(args, plan, first, last)},
                            {pointer<float>(args, 2) + first * height}},
                 .n = {last - first, height, width, 0, rows.begin, rows.end}};
  (last - first <= kGemvTokens ? kernels.few : kernels.many)(one, {0, 1});
}

// Threads share the blocks of all touched experts by what they cost, so that each streams through
// few long pieces.
void experts(const Args& args, Team team, const Kernels& kernels, int64_t row_bytes) {
  const ExpertPlan plan(args.buffer[3].data, args.n[3], args.n[0]);
  const int64_t height = args.n[1], blocks = ceil_div(height, kBlock), touched = *plan.touched;
  const int64_t total = blocks * (args.n[0] + kTokensOfBytes * touched);
  const int64_t begin = total * team.thread / team.threads;
  const int64_t end = total * (team.thread + 1) / team.threads;
  int64_t start = 0;  // cost of all before this expert
  for (int64_t i = 0; i < touched; ++i) {
    const int64_t cost = plan.first_slot[i + 1] - plan.first_slot[i] + kTokensOfBytes;
    const auto block_at = [&](int64_t at) {
      return std::min(ceil_div(std::max<int64_t>(at - start, 0), cost), blocks);
    };
    const int64_t first = block_at(begin), last = block_at(end);
    if (first < last) {
      one_expert(args, kernels, row_bytes, plan, i,
                 {first * kBlock, std::min(last * kBlock, height)});
    }
    start += blocks * cost;
  }
}

Kernels kernels_for(const std::string& type) {
  return {kernel_named(("gemv/" + type).c_str()), kernel_named(("gemm/" + type).c_str())};
}

const Registrar bf16("experts/bf16", [](const Args& args, Team team) {
  static const Kernels kernels = kernels_for("bf16");
  experts(args, team, kernels, 2 * args.n[2]);
});
const Registrar f16("experts/f16", [](const Args& args, Team team) {
  static const Kernels kernels = kernels_for("f16");
  experts(args, team, kernels, 2 * args.n[2]);
});
const Registrar f32("experts/f32", [](const Args& args, Team team) {
  static const Kernels kernels = kernels_for("f32");
  experts(args, team, kernels, 4 * args.n[2]);
});

template <typename Q>
int64_t row_bytes(const Args& args) {
  return args.n[2] / kScaleBlock * kStoredBytes<Q>;
}
const Registrar q8_0("experts/q8_0", [](const Args& args, Team team) {
  static const Kernels kernels = kernels_for("q8_0");
  experts(args, team, kernels, row_bytes<Q8>(args));
});
const Registrar q4_0("experts/q4_0", [](const Args& args, Team team) {
  static const Kernels kernels = kernels_for("q4_0");
  experts(args, team, kernels, row_bytes<Q4>(args));
});

}  // namespace
}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
// Norms queries and keys head by head where the model does, rotates them by their position; keys
// and values go to the cache.
// Buffers: 0 qkv f32 [B * t][(nq + 2 nkv) * d] (q is changed in place), 1 K cache, 2 V cache,
// 3 StepState, 4 inv_freq f32 [d / 2], 5 and 6 the norms' weights of q and k f32 [d], or none.
// Sizes: B, t, nq, nkv, d, capacity. Scalars: unused, eps.
//
//   for (r = 0; r < B * t; ++r) {
//     p = state.position + r % t - (t - 1);
//     for (each head x of q and k of row r)
//       if (norms) x = x / sqrt(mean(x^2) + eps) * norm;
//     for (each head x of q and k of row r)
//       for (i = 0; i < d / 2; ++i) {
//         c = cos(p * inv_freq[i]), s = sin(p * inv_freq[i]), a = x[i], b = x[i + d / 2];
//         x[i] = a * c - b * s, x[i + d / 2] = b * c + a * s;
//       }
//     append k and v of row r to the cache of sequence r / t at position p;
//   }
//
// Fewest bytes: B * t * 2 * nkv * d written to the cache, norms read; flops: 3 * B * t * (nq + nkv)
// * d, with norms 7. A block has one head of a row, a thread a pair: latency is all there is.
#include "benches/inference/attention/kv_cache.gpu.h"
#include "benches/inference/kernels/storage.gpu.h"

namespace membound::gpu {
namespace {

constexpr int kThreads = 64;

struct Heads {
  float* qkv;
  void *keys, *values;
  const StepState* state;
  const float *frequencies, *q_norm, *k_norm;
  int64_t tokens, nq, nkv, d, capacity;
  float epsilon;
};

// f32 would lose the angle at position 100000: it is reduced to one turn in f64 first.
__device__ void rotate(int64_t position, float frequency, float& a, float& b) {
  constexpr double kTurns = 0.159154943091895335769;  // of a radian
  const double turns = static_cast<double>(position) * static_cast<double>(frequency) * kTurns;
  float s, c;
  sincospif(static_cast<float>(2 * (turns - floor(turns + 0.5))), &s, &c);
  const float x = a;
  a = x * c - b * s;
  b = b * c + x * s;
}

// The factor that norms a head; the whole block calls it.
__device__ float norm_scale(const float* x, int64_t d, float epsilon) {
  __shared__ float slots[kThreads / 32];
  float sum = 0;
  for (int64_t i = threadIdx.x; i < d; i += kThreads) sum += x[i] * x[i];
  return 1.0f / sqrtf(join_block<Sum>(sum, slots) / static_cast<float>(d) + epsilon);
}

template <typename T>
__device__ void append_values(const Heads& h, const float* x, int64_t base, int64_t position) {
  auto* values = static_cast<T*>(h.values) + base;
  for (int64_t i = threadIdx.x; i < h.d; i += kThreads) {
    values[value_index(position, i, h.d)] = narrow<T>(x[i]);
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) rope_append(Heads h) {
  let_next_start();
  wait_for_previous();
  const int64_t row = blockIdx.x, head = blockIdx.y, half = h.d / 2;
  const int64_t position = h.state->position + row % h.tokens - (h.tokens - 1);
  float* x = h.qkv + (row * (h.nq + 2 * h.nkv) + head) * h.d;
  const bool is_query = head < h.nq;
  const int64_t base = (row / h.tokens * h.nkv + (head - h.nq) % h.nkv) * h.capacity * h.d;
  if (head >= h.nq + h.nkv) return append_values<T>(h, x, base, position);
  const float* weight = is_query ? h.q_norm : h.k_norm;
  const float scale = weight == nullptr ? 1.0f : norm_scale(x, h.d, h.epsilon);
  for (int64_t i = threadIdx.x; i < half; i += kThreads) {
    float a = x[i], b = x[i + half];
    if (weight != nullptr) {
      a = a * scale * weight[i];
      b = b * scale * weight[i + half];
    }
    rotate(position, h.frequencies[i], a, b);
    if (is_query) {
      x[i] = a;
      x[i + half] = b;
    } else {
      auto* keys = static_cast<T*>(h.keys) + base;
      keys[key_index(position, i, h.d)] = narrow<T>(a);
      keys[key_index(position, i + half, h.d)] = narrow<T>(b);
    }
  }
}

template <typename T>
void launch_rope(const Args& args, const Site& site) {
  const Heads h = {pointer<float>(args, 0),
                   args.buffer[1].data,
                   args.buffer[2].data,
                   pointer<StepState>(args, 3),
                   pointer<float>(args, 4),
                   pointer<float>(args, 5),
                   pointer<float>(args, 6),
                   args.n[1],
                   args.n[2],
                   args.n[3],
                   args.n[4],
                   args.n[5],
                   static_cast<float>(args.scalar[1])};
  const dim3 blocks(static_cast<uint32_t>(args.n[0] * h.tokens),
                    static_cast<uint32_t>(h.nq + 2 * h.nkv));
  launch_overlapped(rope_append<T>, Grid{blocks, kThreads}, site, h);
}

const Registrar bf16("rope_append/bf16", launch_rope<Bf16>);
const Registrar f16("rope_append/f16", launch_rope<F16>);
const Registrar f32("rope_append/f32", launch_rope<float>);

}  // namespace
}  // namespace membound::gpu

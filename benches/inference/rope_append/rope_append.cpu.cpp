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
// * d, with norms 7.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benches/inference/rope_append/rope_append.cpu.cpp"
#include <cmath>

#include "hwy/foreach_target.h"
// Keep the order: what follows needs what foreach_target.h sets up.
#include "backends/cpu/kernel.h"
#include "benches/inference/attention/kv_cache.h"
#include "benches/inference/kernels/vectors-inl.h"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace membound::cpu::HWY_NAMESPACE {
namespace {

// cos and sin of all angles at a position. f32 would lose the angle at position 100000: it is
// reduced to one turn in f64 first.
void angles(int64_t position, const float* inv_freq, int64_t half, float* cosine, float* sine) {
  constexpr double kTurn = 6.283185307179586476925;
  for (int64_t i = 0; i < half; ++i) {
    const double turns = static_cast<double>(position) * static_cast<double>(inv_freq[i]) / kTurn;
    sine[i] = static_cast<float>((turns - std::floor(turns + 0.5)) * kTurn);
  }
  const Floats d;
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const Vector angle = load(sine + i);
    hn::StoreU(hn::Cos(d, angle), d, cosine + i);
    hn::StoreU(hn::Sin(d, angle), d, sine + i);
  }
  for (; i < half; ++i) {
    cosine[i] = std::cos(sine[i]);
    sine[i] = std::sin(sine[i]);
  }
}

// `out` may be x.
void norm(const float* x, const float* weight, float epsilon, int64_t d, float* out) {
  const Floats f;
  Vector sum = hn::Zero(f);
  int64_t i = 0;
  for (; i + kLanes <= d; i += kLanes) {
    const Vector v = load(x + i);
    sum = hn::MulAdd(v, v, sum);
  }
  float squares = sum_lanes(sum);
  for (; i < d; ++i) squares += x[i] * x[i];
  const float scale = 1.0f / std::sqrt(squares / static_cast<float>(d) + epsilon);
  for (i = 0; i + kLanes <= d; i += kLanes) {
    hn::StoreU(hn::Mul(hn::Mul(load(x + i), hn::Set(f, scale)), load(weight + i)), f, out + i);
  }
  for (; i < d; ++i) out[i] = x[i] * scale * weight[i];
}

// `out` may be x.
void rotate(const float* x, const float* cosine, const float* sine, int64_t half, float* out) {
  const Floats d;
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const Vector a = load(x + i), b = load(x + half + i), c = load(cosine + i), s = load(sine + i);
    hn::StoreU(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), d, out + i);
    hn::StoreU(hn::Add(hn::Mul(b, c), hn::Mul(a, s)), d, out + half + i);
  }
  for (; i < half; ++i) {
    const float a = x[i], b = x[half + i];
    out[i] = a * cosine[i] - b * sine[i];
    out[half + i] = b * cosine[i] + a * sine[i];
  }
}

// Head h of a row: queries first, then keys, then values.
template <typename T>
void append_head(const Args& args, int64_t row, int64_t head, int64_t position, float* cosine) {
  const int64_t nq = args.n[2], nkv = args.n[3], d = args.n[4], capacity = args.n[5];
  const auto epsilon = static_cast<float>(args.scalar[1]);
  const float *q_norm = pointer<float>(args, 5), *k_norm = pointer<float>(args, 6);
  float* x = pointer<float>(args, 0) + (row * (nq + 2 * nkv) + head) * d;
  float* sine = cosine + d;
  if (head < nq) {
    if (q_norm != nullptr) norm(x, q_norm, epsilon, d, x);
    return rotate(x, cosine, sine, d / 2, x);
  }
  const int64_t kv_head = (head - nq) % nkv;
  const int64_t base = (row / args.n[1] * nkv + kv_head) * capacity * d;
  if (head >= nq + nkv) {
    T* v = pointer<T>(args, 2) + base + position * d;
    for (int64_t i = 0; i < d; ++i) narrow(x[i], v + i);
    return;
  }
  float* rotated = sine + d;
  if (k_norm != nullptr) {
    norm(x, k_norm, epsilon, d, rotated);
    x = rotated;
  }
  rotate(x, cosine, sine, d / 2, rotated);
  T* k = pointer<T>(args, 1) + base;
  for (int64_t i = 0; i < d; ++i) narrow(rotated[i], k + key_index<T>(position, i, d));
}

template <typename T>
void rope_append(const Args& args, Team team) {
  static thread_local Scratch scratch;
  const int64_t t = args.n[1], heads = args.n[2] + 2 * args.n[3], d = args.n[4];
  float* cosine = scratch.reserve(3 * d);
  const int64_t newest = pointer<StepState>(args, 3)->position;
  const Range mine = share(args.n[0] * t * heads, 1, team);
  int64_t known = -1;
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t row = i / heads, position = newest + row % t - (t - 1);
    if (position != known) angles(position, pointer<float>(args, 4), d / 2, cosine, cosine + d);
    known = position;
    append_head<T>(args, row, i % heads, position, cosine);
  }
}

void rope_append_bf16(const Args& args, Team team) { rope_append<uint16_t>(args, team); }
void rope_append_f16(const Args& args, Team team) { rope_append<Half>(args, team); }
void rope_append_f32(const Args& args, Team team) { rope_append<float>(args, team); }

}  // namespace
}  // namespace membound::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace membound::cpu {
HWY_EXPORT(rope_append_bf16);
HWY_EXPORT(rope_append_f16);
HWY_EXPORT(rope_append_f32);
MEMBOUND_CPU_KERNEL("rope_append/bf16", rope_append_bf16);
MEMBOUND_CPU_KERNEL("rope_append/f16", rope_append_f16);
MEMBOUND_CPU_KERNEL("rope_append/f32", rope_append_f32);
}  // namespace membound::cpu
#endif

// SPDX-License-Identifier: Apache-2.0
// Types that only extensions of AVX-512 compute with; Highway has no target of its own for them.
// buffer 0 x, 1 y, 2 and 3 one vector each of a and b; n: 0 results, 1 turns; scalar: 0 a, 1 b.
//   f16   y = y * a + b                  VFMADD213PH   32 results of 16 bits
//   bf16  y += a[2i] b[2i] + a[2i+1] b[2i+1]   VDPBF16PS     16 results in f32
//   i8    y += four products, unsigned a, signed b   VPDPBUSD   16 results in int32, wrapping
#include "backends/cpu/isa.h"
#include "backends/cpu/kernel.h"

// GCC 12 and clang 14 are the first with AVX512-FP16; what is older goes without all of this.
#if defined(__x86_64__) && \
    ((defined(__clang__) && __clang_major__ >= 14) || (!defined(__clang__) && __GNUC__ >= 12))
#include <immintrin.h>

namespace membound::cpu {
namespace {

#define MEMBOUND_TARGET(features) __attribute__((target("avx512f,avx512bw," features)))

// Twelve chains, written out one by one (see fma.cpu.cpp): six cycles of latency on two units.
#define MEMBOUND_EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define MEMBOUND_LOAD(i) auto v##i = _mm512_loadu_si512(x + (i)*64);
#define MEMBOUND_STORE(i) _mm512_storeu_si512(y + (i)*64, v##i);
constexpr int64_t kBlockBytes = 12 * 64;

using Block = void (*)(const Args& args, const char* x, char* y);

// 32 times `value`, which is exact in f16.
MEMBOUND_TARGET("f16c") __m512i broadcast_f16(double value) {
  const auto bits = _cvtss_sh(static_cast<float>(value), _MM_FROUND_TO_NEAREST_INT);
  return _mm512_set1_epi16(static_cast<int16_t>(bits));
}

// As a line of assembly: clang 14 knows the type only where the whole file may use it.
MEMBOUND_TARGET("f16c") void block_f16(const Args& args, const char* x, char* y) {
  const __m512i a = broadcast_f16(args.scalar[0]);
  const __m512i b = broadcast_f16(args.scalar[1]);
#define MEMBOUND_STEP(i) asm("vfmadd213ph %2, %1, %0" : "+v"(v##i) : "v"(a), "v"(b));
  MEMBOUND_EACH(MEMBOUND_LOAD)
  for (int64_t turn = 0; turn < args.n[1]; ++turn) {
    MEMBOUND_EACH(MEMBOUND_STEP)
  }
  MEMBOUND_EACH(MEMBOUND_STORE)
#undef MEMBOUND_STEP
}

MEMBOUND_TARGET("avx512bf16") void block_bf16(const Args& args, const char* x, char* y) {
  const auto a = reinterpret_cast<__m512bh>(_mm512_loadu_si512(args.buffer[2].data));
  const auto b = reinterpret_cast<__m512bh>(_mm512_loadu_si512(args.buffer[3].data));
#define MEMBOUND_START(i) auto f##i = _mm512_castsi512_ps(v##i);
#define MEMBOUND_STEP(i) f##i = _mm512_dpbf16_ps(f##i, a, b);
#define MEMBOUND_END(i) v##i = _mm512_castps_si512(f##i);
  MEMBOUND_EACH(MEMBOUND_LOAD)
  MEMBOUND_EACH(MEMBOUND_START)
  for (int64_t turn = 0; turn < args.n[1]; ++turn) {
    MEMBOUND_EACH(MEMBOUND_STEP)
  }
  MEMBOUND_EACH(MEMBOUND_END)
  MEMBOUND_EACH(MEMBOUND_STORE)
#undef MEMBOUND_START
#undef MEMBOUND_STEP
#undef MEMBOUND_END
}

MEMBOUND_TARGET("avx512vnni") void block_i8(const Args& args, const char* x, char* y) {
  const __m512i a = _mm512_loadu_si512(args.buffer[2].data);
  const __m512i b = _mm512_loadu_si512(args.buffer[3].data);
#define MEMBOUND_STEP(i) v##i = _mm512_dpbusd_epi32(v##i, a, b);
  MEMBOUND_EACH(MEMBOUND_LOAD)
  for (int64_t turn = 0; turn < args.n[1]; ++turn) {
    MEMBOUND_EACH(MEMBOUND_STEP)
  }
  MEMBOUND_EACH(MEMBOUND_STORE)
#undef MEMBOUND_STEP
}

// n[0] is a multiple of 12288 for each unit: whole blocks.
template <Block block, int64_t kResultBytes>
void fma(const Args& args, Team team) {
  const Range range = share(args.n[0] * kResultBytes, kBlockBytes, team);
  for (int64_t i = range.begin; i < range.end; i += kBlockBytes) {
    block(args, pointer<char>(args, 0) + i, pointer<char>(args, 1) + i);
  }
}

// A CPU that lacks an extension is not offered its kernel.
[[maybe_unused]] const bool registered = [] {
  const Extensions& usable = extensions();
  if (usable.avx512_fp16) kernels().push_back({"fma/f16", fma<block_f16, 2>});
  if (usable.avx512_bf16) kernels().push_back({"fma/bf16", fma<block_bf16, 4>});
  if (usable.avx512_vnni) kernels().push_back({"fma/i8", fma<block_i8, 4>});
  return true;
}();

}  // namespace
}  // namespace membound::cpu
#endif

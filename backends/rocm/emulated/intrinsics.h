// SPDX-License-Identifier: Apache-2.0
// What kernels need of instructions and launches where HIP-CPU runs them; kernel.h includes it.
//
// HIP-CPU makes each thread of a block a fiber and lets them run in turn. Its own barrier only
// hands over to the next fiber, and its shuffles err for parts of a wave, so both are made here:
// exact for any pattern that a GPU allows, and with an end of the process for some that it doesn't.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace membound::gpu {

__device__ constexpr int wave_size() { return 64; }

namespace emulated {

// Threads that meet: all of a block or of a wave.
struct Meeting {
  uint32_t here = 0;
  uint32_t gone = 0;  // that have left the kernel
  uint64_t turn = 0;

  void open_if_complete(uint32_t threads) {
    if (here + gone < threads) return;
    here = 0;
    ++turn;
  }
};

// Of the block that this thread of the system runs.
struct Block {
  Meeting all;
  Meeting waves[1024 / wave_size()];
  uint64_t closed = 0;  // blocks that were here before
  // What the lanes of a wave show each other, in two copies by turn: one is read while the next
  // exchange writes the other.
  alignas(16) char shown[1024 / wave_size()][2][wave_size()][16];
};

inline Block& block() {
  static thread_local Block block;
  return block;
}

inline uint32_t threads_of_wave() {
  const uint32_t first = threadIdx.x / wave_size() * wave_size();
  const uint32_t left = blockDim.x - first;
  return left < wave_size() ? left : wave_size();
}

inline void meet(Meeting& meeting, uint32_t threads) {
  if (!hip::detail::this_tile::has_barrier && threadIdx.x != 0) {
    std::fprintf(stderr, "emulated kernel: thread 0 of a block ended before a barrier\n");
    std::abort();
  }
  const uint64_t turn = meeting.turn;
  ++meeting.here;
  meeting.open_if_complete(threads);
  // Hands over to the next fiber until the last one has come.
  while (meeting.turn == turn) hip::detail::Tile::this_tile().barrier();
}

inline void sync_block() {
  if (blockDim.x > 1) meet(block().all, blockDim.x);
}

// At the end of a kernel that had a barrier. HIP-CPU expects that the threads end in order within
// one round, so all wait for the slowest one and for thread 0 to begin.
inline void leave() {
  if (!hip::detail::this_tile::has_barrier) return;
  Block& b = block();
  Meeting& wave = b.waves[threadIdx.x / wave_size()];
  ++wave.gone;
  wave.open_if_complete(threads_of_wave());
  ++b.all.gone;
  b.all.open_if_complete(blockDim.x);
  const auto hand_over = [] { hip::detail::Tile::this_tile().barrier(); };
  if (threadIdx.x != 0) {
    for (const uint64_t closed = b.closed; closed == b.closed;) hand_over();
  } else {
    while (b.all.gone < blockDim.x) hand_over();
    b.all.gone = 0;
    for (Meeting& one : b.waves) one.gone = 0;
    ++b.closed;
  }
}

template <typename T>
T exchange(T x, int source_lane) {
  static_assert(sizeof(T) <= 16 && std::is_trivially_copyable_v<T>);
  Block& b = block();
  const int wave = static_cast<int>(threadIdx.x) / wave_size();
  auto& shown = b.shown[wave][b.waves[wave].turn % 2];
  memcpy(shown[threadIdx.x % wave_size()], &x, sizeof x);
  meet(b.waves[wave], threads_of_wave());
  memcpy(&x, shown[source_lane], sizeof x);
  return x;
}

}  // namespace emulated

template <typename... Parameters, typename... Values>
void launch(void (*kernel)(Parameters...), const Grid& grid, const Site&, Values... values) {
  if (grid.threads == 0 || grid.threads > 1024 || grid.blocks.x == 0) {
    set_last_error(cudaErrorInvalidConfiguration);
    return;
  }
  const auto body = [kernel](Parameters... parameters) {
    kernel(parameters...);
    emulated::leave();
  };
  const std::tuple<Parameters...> parameters(static_cast<Parameters>(values)...);
  const hip::detail::Tiled_domain domain({grid.threads}, grid.blocks, grid.shared_bytes,
                                         [&body, &parameters] { std::apply(body, parameters); });
  for_each_tile(domain, body, parameters);
}

// Launches don't overlap.
__device__ inline void wait_for_previous() {}
__device__ inline void let_next_start() {}

__device__ inline void sync_wave() {
  const int wave = static_cast<int>(threadIdx.x) / wave_size();
  emulated::meet(emulated::block().waves[wave], emulated::threads_of_wave());
}

// Of thread `source` of this thread's group of `width` neighbours.
template <typename T>
__device__ T shuffle(T x, int source, int width = wave_size()) {
  const int lane = static_cast<int>(threadIdx.x) % wave_size();
  return emulated::exchange(x, lane / width * width + source % width);
}

template <typename T>
__device__ T shuffle_xor(T x, int mask, int width = wave_size()) {
  const int lane = static_cast<int>(threadIdx.x) % wave_size();
  const int source = lane ^ mask;
  return emulated::exchange(x, source / width == lane / width ? source : lane);
}

// Grid::shared_bytes of them, aligned to 16.
template <typename T>
__device__ T* dynamic_shared() {
  static thread_local std::vector<Bits16> memory;
  const size_t bytes = scratchpad_size(domain(hip::detail::Tile::this_tile()));
  if (memory.size() * sizeof(Bits16) < bytes) memory.resize(bytes / sizeof(Bits16) + 1);
  return reinterpret_cast<T*>(memory.data());
}

__device__ inline Bits16 load_bits_streaming(const Bits16* source) { return *source; }

__device__ inline void store_bits_streaming(Bits16* target, Bits16 bits) { *target = bits; }

__device__ inline float half_to_float(uint16_t bits) { return __builtin_bit_cast(_Float16, bits); }

__device__ inline uint16_t float_to_half(float value) {
  return __builtin_bit_cast(uint16_t, static_cast<_Float16>(value));
}

}  // namespace membound::gpu

// What HIP-CPU's headers leave out.
inline float __uint_as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
inline uint32_t __float_as_uint(float value) { return __builtin_bit_cast(uint32_t, value); }

#define __syncthreads ::membound::gpu::emulated::sync_block

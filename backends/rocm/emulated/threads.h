// SPDX-License-Identifier: Apache-2.0
// Threads of a block, emulated: launches, barriers, shuffles and shared memory.
//
// HIP-CPU makes each thread of a block a fiber and lets them run in turn. Its own barrier only
// hands over to the next fiber, and its shuffles err for parts of a wave, so both are made here:
// exact for any pattern that a GPU allows, and with an end of the process for some that it doesn't.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <vector>

namespace membound::gpu::emulated {

inline constexpr uint32_t kWave = 64;
inline constexpr uint32_t kMostThreads = 1024;  // of a block

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
  Meeting waves[kMostThreads / kWave];
  uint64_t closed = 0;  // blocks that were here before
  // What the lanes of a wave show each other, in two copies by turn: one is read while the next
  // exchange writes the other.
  alignas(16) char shown[kMostThreads / kWave][2][kWave][16];
};

inline Block& block() {
  static thread_local Block block;
  return block;
}

inline uint32_t threads_of_wave() {
  const uint32_t first = threadIdx.x / kWave * kWave;
  const uint32_t left = blockDim.x - first;
  return left < kWave ? left : kWave;
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
  Meeting& wave = b.waves[threadIdx.x / kWave];
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
T exchange(T x, uint32_t source_lane) {
  static_assert(sizeof(T) <= 16 && std::is_trivially_copyable_v<T>);
  Block& b = block();
  const uint32_t wave = threadIdx.x / kWave;
  auto& shown = b.shown[wave][b.waves[wave].turn % 2];
  std::memcpy(shown[threadIdx.x % kWave], &x, sizeof x);
  meet(b.waves[wave], threads_of_wave());
  std::memcpy(&x, shown[source_lane], sizeof x);
  return x;
}

inline void sync_wave() { meet(block().waves[threadIdx.x / kWave], threads_of_wave()); }

// Of the thread whose number differs by `mask`.
template <typename T>
T shuffle_xor(T x, int mask) {
  return exchange(x, (threadIdx.x % kWave) ^ static_cast<uint32_t>(mask));
}

// As many bytes as the launch gave, aligned to 64.
inline void* dynamic_shared() {
  struct alignas(64) Line {
    char bytes[64];
  };
  static thread_local std::vector<Line> memory;
  const size_t bytes = scratchpad_size(domain(hip::detail::Tile::this_tile()));
  if (memory.size() * sizeof(Line) < bytes) memory.resize(bytes / sizeof(Line) + 1);
  return memory.data();
}

// Runs all blocks, several at a time where there are cores, and returns when they have ended.
template <typename... Parameters>
cudaError_t launch(void (*kernel)(Parameters...), const dim3& blocks, const dim3& threads,
                   uint32_t shared_bytes, std::type_identity_t<Parameters>... given) {
  if (threads.x == 0 || threads.x > kMostThreads || threads.y * threads.z != 1 ||
      count(blocks) == 0) {
    return set_last_error(cudaErrorInvalidConfiguration);
  }
  const auto body = [kernel](Parameters... parameters) {
    kernel(parameters...);
    leave();
  };
  const std::tuple<Parameters...> parameters(given...);
  const hip::detail::Tiled_domain domain(threads, blocks, shared_bytes,
                                         [&] { std::apply(body, parameters); });
  for_each_tile(domain, body, parameters);
  return cudaSuccess;
}

}  // namespace membound::gpu::emulated

// SPDX-License-Identifier: Apache-2.0
// What kernel.h, block.h and numbers.h give to kernels, each helper in a kernel of its own that
// shows its results; unit_gpu_kernels.cpp has the expectations. Operand 0 is written, one value a
// thread of the grid; n[0] blocks of n[1] threads.
#include "backends/gpu/block.h"
#include "backends/gpu/numbers.h"

namespace membound::gpu {
namespace {

constexpr int kMostWaves = kMostThreads / 32;

__device__ int64_t this_thread() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ int waves_of_block() { return static_cast<int>(blockDim.x) / wave_size(); }
__device__ int wave_of_block() { return static_cast<int>(threadIdx.x) / wave_size(); }
__device__ bool first_of_wave() { return static_cast<int>(threadIdx.x) % wave_size() == 0; }

__global__ void sum_of_group(int32_t* out, int32_t width) {
  out[this_thread()] = join_group<Sum>(static_cast<int32_t>(threadIdx.x) + 1, width);
}

// Threads differ by their squares, so that no other thread's value is the maximum.
__global__ void max_of_block(int32_t* out) {
  __shared__ int32_t slots[kMostWaves];
  const auto t = static_cast<int32_t>(threadIdx.x);
  const int32_t mine = 1000 * static_cast<int32_t>(blockIdx.x) - (t - 70) * (t - 70);
  out[this_thread()] = join_block<Max>(mine, slots);
}

__global__ void sums_of_block(double* out) {
  __shared__ double slots[kMostWaves];
  const double first = join_block<Sum>(1.0 + threadIdx.x, slots);
  const double second = join_block<Sum>(first + blockIdx.x, slots);  // at once after the first
  out[this_thread()] = second;
}

__global__ void swapped(int32_t* out, int32_t mask, int32_t width) {
  out[this_thread()] = shuffle_xor(static_cast<int32_t>(threadIdx.x), mask, width);
}

// Wave w takes w + 1 rounds of exchange before the block meets, as a block does whose waves have
// work of different lengths.
__global__ void uneven_waves(int32_t* out) {
  __shared__ int32_t of_wave[kMostWaves];
  int32_t total = 0;
  for (int round = 0; round <= wave_of_block(); ++round) {
    total += join_group<Sum>(int32_t{1}, wave_size());
  }
  if (first_of_wave()) of_wave[wave_of_block()] = total;
  __syncthreads();
  int32_t all = 0;
  for (int i = 0; i < waves_of_block(); ++i) all += of_wave[i] / wave_size();
  __syncthreads();
  // Only the first wave goes on exchanging; the others wait for it.
  if (wave_of_block() == 0) {
    const int32_t sum = join_group<Sum>(all, wave_size());
    if (threadIdx.x == 0) of_wave[0] = sum;
  }
  __syncthreads();
  out[this_thread()] = of_wave[0] / wave_size();
}

// Three turns of a ring through shared memory, each seen by the neighbour only after a barrier.
__global__ void ring(int32_t* out) {
  MEMBOUND_DYNAMIC_SHARED(int32_t, slots);
  int32_t value = static_cast<int32_t>(threadIdx.x);
  for (int turn = 0; turn < 3; ++turn) {
    slots[threadIdx.x] = value;
    __syncthreads();
    value = slots[(threadIdx.x + 1) % blockDim.x];
    __syncthreads();
  }
  out[this_thread()] = value;
}

// Whole waves end early; the rest still meet.
__global__ void early_end(int32_t* out) {
  __shared__ int32_t count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  out[this_thread()] = -1;
  if (threadIdx.x >= 64) return;
  atomicAdd(&count, 1);
  __syncthreads();
  out[this_thread()] = count;
}

// Every bit pattern of f16 and bf16 to float and back.
__global__ void there_and_back(uint16_t* halves, uint16_t* bf16s) {
  grid_stride<1>(1 << 16, [=](int64_t i, auto) {
    const auto bits = static_cast<uint16_t>(i);
    halves[i] = narrow<F16>(widen(F16{bits})).bits;
    bf16s[i] = narrow<Bf16>(widen(Bf16{bits})).bits;
  });
}

__global__ void rounded(uint16_t* halves, uint16_t* bf16s, const float* values, int64_t n) {
  grid_stride<1>(n, [=](int64_t i, auto) {
    halves[i] = narrow<F16>(values[i]).bits;
    bf16s[i] = narrow<Bf16>(values[i]).bits;
  });
}

__global__ void moved_once(uint32_t* out, const uint32_t* in, int64_t n) {
  grid_stride<1>(n / 4, [=](int64_t i, auto) { store_once(out + 4 * i, load_once(in + 4 * i)); });
}

template <typename T = int32_t>
T* out_of(const Args& args) {
  return pointer<T>(args, 0);
}
Grid grid_of(const Args& args, uint32_t shared_bytes = 0) {
  return {.blocks = dim3(static_cast<uint32_t>(args.n[0])),
          .threads = dim3(static_cast<uint32_t>(args.n[1])),
          .shared_bytes = shared_bytes};
}

const Registrar registrars[] = {
    {"test/group_sum",
     [](const Args& args, const Site& site) {
       launch(sum_of_group, grid_of(args), site, out_of(args), args.n[2]);
     }},
    {"test/block_max",
     [](const Args& args, const Site& site) {
       launch(max_of_block, grid_of(args), site, out_of(args));
     }},
    {"test/block_sums",
     [](const Args& args, const Site& site) {
       launch(sums_of_block, grid_of(args), site, out_of<double>(args));
     }},
    {"test/shuffle_xor",
     [](const Args& args, const Site& site) {
       launch(swapped, grid_of(args), site, out_of(args), args.n[2], args.n[3]);
     }},
    {"test/uneven_waves",
     [](const Args& args, const Site& site) {
       launch(uneven_waves, grid_of(args), site, out_of(args));
     }},
    {"test/ring",
     [](const Args& args, const Site& site) {
       launch(ring, grid_of(args, 4 * args.n[1]), site, out_of(args));
     }},
    {"test/early_end",
     [](const Args& args, const Site& site) {
       launch(early_end, grid_of(args), site, out_of(args));
     }},
    {"test/there_and_back",
     [](const Args& args, const Site& site) {
       launch(there_and_back, grid_of(args), site, pointer<uint16_t>(args, 0),
              pointer<uint16_t>(args, 1));
     }},
    {"test/rounded",
     [](const Args& args, const Site& site) {
       launch(rounded, grid_of(args), site, pointer<uint16_t>(args, 0), pointer<uint16_t>(args, 1),
              pointer<float>(args, 2), args.n[2]);
     }},
    {"test/moved_once",
     [](const Args& args, const Site& site) {
       launch(moved_once, grid_of(args), site, out_of<uint32_t>(args), pointer<uint32_t>(args, 1),
              args.n[2]);
     }},
};

}  // namespace
}  // namespace membound::gpu

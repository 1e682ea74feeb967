// SPDX-License-Identifier: Apache-2.0
// What kernel.h and wave.h give to kernels, each helper in a kernel of its own that shows its
// results; unit_gpu_kernels.cpp has the expectations. Operand 0 is written, one value a thread of
// the grid; n[0] blocks of n[1] threads.
#include "backends/gpu/kernel.h"

namespace membound::gpu {
namespace {

__global__ void sum_of_wave(int32_t* out, int32_t width) {
  const int32_t mine = static_cast<int32_t>(threadIdx.x) + 1;
  out[thread_of_grid()] = wave_sum(mine, width == 0 ? wave_size() : width);
}

// Threads differ by their squares, so that no other thread's value is the maximum.
__global__ void max_of_block(int32_t* out) {
  const auto t = static_cast<int32_t>(threadIdx.x);
  out[thread_of_grid()] = block_max(1000 * static_cast<int32_t>(blockIdx.x) - (t - 70) * (t - 70));
}

__global__ void sums_of_block(double* out) {
  const double first = block_sum(1.0 + threadIdx.x);
  const double second = block_sum(first + blockIdx.x);  // at once after the first
  out[thread_of_grid()] = second;
}

__global__ void shuffled(int32_t* out, int32_t source, int32_t width) {
  out[thread_of_grid()] = shuffle(static_cast<int32_t>(threadIdx.x), source, width);
}

// Wave w takes w + 1 rounds of exchange before the block meets, as a block does whose waves have
// work of different lengths.
__global__ void uneven_waves(int32_t* out) {
  __shared__ int32_t of_wave[kMostWaves];
  int32_t total = 0;
  for (int round = 0; round <= wave_of_block(); ++round) total += wave_sum(int32_t{1});
  if (lane() == 0) of_wave[wave_of_block()] = total;
  __syncthreads();
  int32_t all = 0;
  for (int i = 0; i < waves_of_block(); ++i) all += of_wave[i] / wave_size();
  __syncthreads();
  // Only the first wave goes on exchanging; the others wait for it.
  if (wave_of_block() == 0) of_wave[0] = wave_sum(all);
  __syncthreads();
  out[thread_of_grid()] = of_wave[0] / wave_size();
}

// Three turns of a ring through shared memory, each seen by the neighbour only after a barrier.
__global__ void ring(int32_t* out) {
  auto* slots = dynamic_shared<int32_t>();
  int32_t value = static_cast<int32_t>(threadIdx.x);
  for (int turn = 0; turn < 3; ++turn) {
    slots[threadIdx.x] = value;
    __syncthreads();
    value = slots[(threadIdx.x + 1) % blockDim.x];
    __syncthreads();
  }
  out[thread_of_grid()] = value;
}

// Whole waves end early; the rest still meet.
__global__ void early_end(int32_t* out) {
  __shared__ int32_t count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  out[thread_of_grid()] = -1;
  if (threadIdx.x >= 64) return;
  atomicAdd(&count, 1);
  __syncthreads();
  out[thread_of_grid()] = count;
}

// Every bit pattern of f16 and bf16 to float and back.
__global__ void there_and_back(uint16_t* halves, uint16_t* bf16s) {
  grid_stride<1>(1 << 16, [=](int64_t i, auto) {
    const auto bits = static_cast<uint16_t>(i);
    halves[i] = float_to_half(half_to_float(bits));
    bf16s[i] = float_to_bf16(bf16_to_float(bits));
  });
}

// Rounding: floats with the bits of their index.
__global__ void rounded(uint16_t* halves, uint16_t* bf16s, const float* values, int64_t n) {
  grid_stride<1>(n, [=](int64_t i, auto) {
    halves[i] = float_to_half(values[i]);
    bf16s[i] = float_to_bf16(values[i]);
  });
}

__global__ void streamed(float* out, const float* in, int64_t n) {
  grid_stride<8>(
      n, [=](int64_t i, auto width) { store_streaming(out + i, load_streaming<width>(in + i)); });
}

template <typename T = int32_t>
T* out_of(const Args& args) {
  return pointer<T>(args, 0);
}
Grid grid_of(const Args& args, uint32_t shared_bytes = 0) {
  return {.blocks = static_cast<uint32_t>(args.n[0]),
          .threads = static_cast<uint32_t>(args.n[1]),
          .shared_bytes = shared_bytes};
}

const Registrar registrars[] = {
    {"test/wave_sum",
     [](const Args& args, const Site& site) {
       launch(sum_of_wave, grid_of(args), site, out_of(args), args.n[2]);
     }},
    {"test/block_max",
     [](const Args& args, const Site& site) {
       launch(max_of_block, grid_of(args), site, out_of(args));
     }},
    {"test/block_sums",
     [](const Args& args, const Site& site) {
       launch(sums_of_block, grid_of(args), site, out_of<double>(args));
     }},
    {"test/shuffle",
     [](const Args& args, const Site& site) {
       launch(shuffled, grid_of(args), site, out_of(args), args.n[2], args.n[3]);
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
    {"test/streamed",
     [](const Args& args, const Site& site) {
       launch(streamed, grid_of(args), site, out_of<float>(args), pointer<float>(args, 1),
              args.n[2]);
     }},
};

}  // namespace
}  // namespace membound::gpu

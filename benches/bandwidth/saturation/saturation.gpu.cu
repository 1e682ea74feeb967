// SPDX-License-Identifier: Apache-2.0
// sum ^= a[i] over n[0] bytes, as `read` but with n[2] loads of 16 bytes for each thread (1, 2, 4
// or 8) and as many threads on each unit as ask for n[3] bytes by one load each: at most n[2] *
// n[3] bytes are in flight on a unit. 4 bytes a word, no flops.
#include "benches/bandwidth/shape.gpu.h"
#include "benches/bandwidth/slots.gpu.h"

namespace membound::gpu {
namespace {

// Two blocks of 1024 threads fit a unit of 65536 registers where each has 32: the four and eight
// loads of a thread need more, so that fewer threads are resident, which the bench heeds.
template <int kLoads>
__global__ void __launch_bounds__(kMostThreads)
    saturate(const uint32_t* data, int64_t words, uint32_t* slots, int64_t slot_count) {
  const int64_t turn = int64_t{gridDim.x} * blockDim.x * 4;  // words of one load of all threads
  const int64_t first = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * 4;
  uint32_t sum = 0;
  int64_t i = first;
  for (; i + (kLoads - 1) * turn + 4 <= words; i += kLoads * turn) {
    Vector<uint32_t, 4> part[kLoads];
#pragma unroll
    for (int load = 0; load < kLoads; ++load) part[load] = load_once(data + i + load * turn);
#pragma unroll
    for (int load = 0; load < kLoads; ++load) {
      for (int j = 0; j < 4; ++j) sum ^= part[load][j];
    }
  }
  for (; i < words; i += turn) {
    for (int64_t j = i; j < words && j < i + 4; ++j) sum ^= data[j];
  }
  add_to_slots<Xor>(sum, slots, slot_count);
}

void saturation(const Args& args, const Site& site) {
  const int64_t threads = args.n[3] / 16;  // of a unit
  const int64_t blocks = (threads + kMostThreads - 1) / kMostThreads;
  const Grid grid = {.blocks = dim3(static_cast<uint32_t>(blocks * site.compute_units)),
                     .threads = dim3(static_cast<uint32_t>(threads / blocks))};
  const auto queue = [&](auto kernel) {
    launch(kernel, grid, site, pointer<const uint32_t>(args, 0), args.n[0] / 4,
           pointer<uint32_t>(args, 1), args.n[1]);
  };
  if (args.n[2] == 1) queue(saturate<1>);
  if (args.n[2] == 2) queue(saturate<2>);
  if (args.n[2] == 4) queue(saturate<4>);
  if (args.n[2] == 8) queue(saturate<8>);
}

const Registrar registrar("saturation/f32", saturation);

}  // namespace
}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// The ways in which a stream can be laid on a GPU. Which is fastest depends on the device, on what
// is streamed and on how much of it, so that each shape is a kernel with a name of its own
// (`read/f32/block:512/...`), the bench measures the fastest, and the record keeps what was tried:
//   block   threads of a block
//   unroll  loads of each operand that a thread asks for before it uses the first
//   width   bytes of a load
//   grid    resident: the blocks that fit at once take tile after tile; many: a tile each
//   load    nt: past the caches, for what is used once; or plain
#pragma once

#include <deque>
#include <string>

#include "backends/gpu/kernel.h"

namespace membound::gpu {

struct Shape {
  int block;
  int unroll;
  int width;
  bool resident;
  bool nt;

  std::string name() const {
    return "/block:" + std::to_string(block) + "/unroll:" + std::to_string(unroll) +
           "/width:" + std::to_string(width) + (resident ? "/grid:resident" : "/grid:many") +
           (nt ? "/load:nt" : "/load:plain");
  }
};

// Whole tiles of n elements, and the grid that goes over them.
struct Tiling {
  int64_t whole;  // elements in whole tiles
  Grid grid;

  Tiling(const Shape& shape, int64_t n, int64_t element_bytes, const Site& site) {
    const int64_t tile = int64_t{shape.block} * shape.unroll * (shape.width / element_bytes);
    whole = n / tile * tile;
    const int64_t resident = int64_t{site.compute_units} * site.threads_per_unit / shape.block;
    int64_t blocks = (n + tile - 1) / tile;
    if (shape.resident) blocks = std::min(blocks, resident);
    grid = {.blocks = dim3(static_cast<uint32_t>(std::max<int64_t>(blocks, 1))),
            .threads = dim3(static_cast<uint32_t>(shape.block))};
  }
};

// kLanes elements: by one load, past the caches where that is asked for.
template <int kLanes, bool kNt, typename T>
__device__ Vector<T, kLanes> load_part(const T* source) {
  if constexpr (kNt) {
    static_assert(sizeof(T) * kLanes == 16);
    const auto words = load_once(source);
    Vector<T, kLanes> part;
    __builtin_memcpy(&part, &words, sizeof part);
    return part;
  } else {
    return load<kLanes>(source);
  }
}

template <int kLanes, bool kNt, typename T>
__device__ void store_part(T* target, Vector<T, kLanes> part) {
  if constexpr (kNt) {
    static_assert(sizeof(T) * kLanes == 16);
    Vector<uint32_t, 4> words;
    __builtin_memcpy(&words, &part, sizeof words);
    store_once(target, words);
  } else {
    store(target, part);
  }
}

// Registers names that are put together; the table keeps pointers to them.
inline void register_kernel(std::string name, Launcher launcher) {
  static std::deque<std::string> names;
  names.push_back(std::move(name));
  kernels().push_back({names.back().c_str(), launcher});
}

}  // namespace membound::gpu

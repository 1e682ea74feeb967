// SPDX-License-Identifier: Apache-2.0
// Owners of streams and events; destructors ignore errors, since nothing can act on them.
#pragma once

#include <memory>
#include <type_traits>

#include "backends/gpu/check.h"

namespace membound::gpu {

// Owns a runtime handle (a pointer type) that kDestroy gives back.
template <typename Handle, auto kDestroy>
struct Destroy {
  using pointer = Handle;
  void operator()(Handle handle) const noexcept { (void)kDestroy(handle); }
};
template <typename Handle, auto kDestroy>
using Owner = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<Handle, kDestroy>>;

using Stream = Owner<cudaStream_t, &cudaStreamDestroy>;
using Event = Owner<cudaEvent_t, &cudaEventDestroy>;

// On the current device. Apart from the legacy stream, which would synchronise with it.
inline Stream make_stream() {
  cudaStream_t stream = nullptr;
  GPU_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return Stream(stream);
}

inline Event make_event() {
  cudaEvent_t event = nullptr;
  GPU_CHECK(cudaEventCreate(&event));
  return Event(event);
}

inline double seconds_between(const Event& start, const Event& stop) {
  float milliseconds = 0;
  GPU_CHECK(cudaEventElapsedTime(&milliseconds, start.get(), stop.get()));
  return milliseconds * 1e-3;
}

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// Holds a stream back until the host has queued all of a sample: the time between its events is the
// device's then, not that of the host's launches.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "backends/gpu/check.h"

namespace membound::gpu {

class Latch {
 public:
  explicit Latch(cudaStream_t stream) {
    State& s = state();
    {
      const std::lock_guard lock(s.mutex);
      s.open = false;
    }
    GPU_CHECK(call_host(stream, &Latch::wait));
  }
  Latch(const Latch&) = delete;
  Latch& operator=(const Latch&) = delete;
  ~Latch() {
    State& s = state();
    {
      const std::lock_guard lock(s.mutex);
      s.open = true;
    }
    s.changed.notify_all();
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = true;
  };

  // Never destroyed: after an error the runtime may call wait() late, or not at all.
  static State& state() {
    static State* const state = new State;
    return *state;
  }

  static void wait() {
    State& s = state();
    std::unique_lock lock(s.mutex);
    // Opens by itself in the end: a full queue may keep the host from coming to its end.
    s.changed.wait_for(lock, std::chrono::milliseconds(200), [&] { return s.open; });
  }
};

}  // namespace membound::gpu

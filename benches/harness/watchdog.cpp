// SPDX-License-Identifier: Apache-2.0
#include "benches/harness/watchdog.h"

#include <unistd.h>

#include <chrono>

namespace membound {

Watchdog::Watchdog(double seconds, std::function<void(const std::string&)> on_hang)
    : seconds_(seconds), on_hang_(std::move(on_hang)), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Watchdog::arm(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    armed_ = name;
    ++turn_;
  }
  changed_.notify_one();
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const uint64_t turn = turn_;
    const auto other = [&] { return stop_ || turn_ != turn; };
    if (armed_.empty()) {
      changed_.wait(lock, other);
    } else if (!changed_.wait_for(lock, std::chrono::duration<double>(seconds_), other)) {
      on_hang_(armed_);
      _exit(2);
    }
  }
}

}  // namespace membound

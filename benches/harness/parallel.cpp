// SPDX-License-Identifier: Apache-2.0
#include "benches/harness/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace membound {
namespace {

// Backends bind the thread that calls them, and threads inherit that: the cores that the process
// was given are asked for before there is any.
const cpu_set_t allowed = [] {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  return set;
}();

}  // namespace

void parallel_for(int64_t count, const std::function<void(int64_t)>& body) {
  std::atomic<int64_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    sched_setaffinity(0, sizeof allowed, &allowed);
    try {
      for (int64_t i = next++; i < count; i = next++) body(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < std::min<int64_t>(count, std::max(CPU_COUNT(&allowed), 1)); ++i) {
    threads.emplace_back(work);
  }
  for (auto& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace membound

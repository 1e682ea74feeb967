// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/team.h"

#include <omp.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <utility>

#include "backends/cpu/topology.h"

namespace membound::cpu {
namespace {

using Clock = std::chrono::steady_clock;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Sense-reversing central barrier. libgomp's goes through a function call and a heavier protocol;
// a decode step crosses some hundred barriers, so their cost is part of what is measured.
class Barrier {
 public:
  explicit Barrier(int32_t threads) : threads_(threads), waiting_(0), phase_(0) {}

  void wait() {
    const uint32_t phase = phase_.load(std::memory_order_relaxed);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
      waiting_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; phase_.load(std::memory_order_acquire) == phase; ++spins) {
      // A thread that lost its core must be let in again.
      if (spins > 20000) {
        sched_yield();
      } else {
        pause();
      }
    }
  }

 private:
  const int32_t threads_;
  alignas(64) std::atomic<int32_t> waiting_;
  alignas(64) std::atomic<uint32_t> phase_;
};

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What the team is to do. GNU's OpenMP runtime is not instrumented, so that ThreadSanitizer sees no
// order between a team's threads and their caller; the atomics show the one that is there, and the
// job lies here because what a parallel region captures would be written behind their back.
struct Job {
  const std::function<void(Team)>* body = nullptr;
  int32_t domain = -1;
  std::atomic<uint32_t> forked{0};
  std::atomic<uint32_t> joined{0};
};
Job job;

// One thread's part. libgomp keeps its threads, so that each is bound once until another domain is
// asked for.
void take_part() {
  (void)job.forked.load(std::memory_order_acquire);
  static thread_local std::pair<int32_t, int32_t> bound = {-1, -1};
  const std::pair<int32_t, int32_t> wanted = {omp_get_thread_num(), job.domain};
  if (bound != wanted) bind_thread(wanted.first, wanted.second);
  bound = wanted;
  (*job.body)({wanted.first, omp_get_num_threads()});
  job.joined.fetch_add(1, std::memory_order_release);
}

}  // namespace

void on_team(int32_t threads, const std::function<void(Team)>& body, int32_t domain) {
  job.body = &body;
  job.domain = domain;
  job.forked.fetch_add(1, std::memory_order_release);
#pragma omp parallel num_threads(threads)
  take_part();
  (void)job.joined.load(std::memory_order_acquire);
}

double interpret(const Program& program, const Plan& plan, int64_t first_set, int32_t threads,
                 double* stamps, int64_t capacity) {
  Barrier barrier(threads);
  Clock::time_point start;
  double seconds = 0;
  on_team(
      threads,
      [&](Team team) {
        barrier.wait();
        if (team.thread == 0) start = Clock::now();
        barrier.wait();
        for (int64_t run = 0; run < plan.runs; ++run) {
          const int64_t set = (first_set + run) % plan.rotation;
          const bool stamped = stamps != nullptr && run + 1 == plan.runs;
          int32_t synchronised = -1;  // launches up to this one are finished on every thread
          for (int64_t i = 0; i < program.count; ++i) {
            const Launch& launch = program.launches[i];
            if (launch.depends > synchronised) {
              barrier.wait();
              synchronised = static_cast<int32_t>(i) - 1;
            }
            static_cast<const Kernel*>(launch.kernel)->function(resolve(launch.args, set), team);
            if (stamped && team.thread == 0 && i < capacity) stamps[i] = since(start);
          }
          if (program.ordered != 0) barrier.wait();
        }
        barrier.wait();
        if (team.thread == 0) seconds = since(start);
      },
      plan.domain);
  return seconds;
}

}  // namespace membound::cpu

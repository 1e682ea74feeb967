// SPDX-License-Identifier: Apache-2.0
// A sample is a chain of graphs between two events. Runs are captured into graphs because a launch
// by the host costs several microseconds, more than many a kernel; a graph's nodes follow each
// other in about one, as they do in an engine that decodes by graphs.
#include "backends/gpu/measure.h"

#include <cstdio>
#include <deque>
#include <map>

#include "backends/gpu/latch.h"
#include "backends/gpu/limit.h"
#include "backends/gpu/monitor.h"
#include "backends/gpu/replay.h"
#include "backends/gpu/resources.h"

namespace membound::gpu {
namespace {

// Enough to make the gap between two graphs small; few enough to be captured in milliseconds.
constexpr int64_t kGraphNodes = 2048;

// One program on a stream of its own. Stream order satisfies every dependency.
class Queue {
 public:
  Queue(const Placed& placed, const Plan& plan, int64_t stamps);

  // Makes the graphs for the runs of a sample that begins at `first_set`.
  void prepare(int64_t first_set);
  // Queues the sample, to start after `leader` where that is another queue.
  void start(const Queue& leader);
  // Waits for the sample; returns its seconds.
  double finish();
  void read_stamps(double* stamps) const;
  cudaStream_t stream() const { return site_.stream; }
  // How it was kept to the plan's compute units; empty where it has all of them.
  const std::string& limit() const { return limit_; }
  int32_t compute_units() const { return site_.compute_units; }

 private:
  struct Runs {
    int64_t first_set;
    int64_t count;
    auto operator<=>(const Runs&) const = default;
  };

  void limit_to(int32_t compute_units, int32_t index);
  void launch_all(const Runs& runs) const;
  void activate() const { GPU_CHECK(cudaSetDevice(device_)); }
  void launch(int64_t index, int64_t set) const;
  // No vendor promises that a graph keeps to its stream's units; emulated streams have no handle.
  bool as_graphs() const { return stream_ != nullptr; }
  int64_t unstamped_runs() const { return plan_.runs - (stamps_.empty() ? 0 : 1); }

  const int32_t device_;
  const Program program_;
  const Plan plan_;
  Stream stream_;  // empty where a limited one of limit.h is used
  Site site_;
  std::string limit_;
  Event begin_;
  Event end_;
  std::vector<Event> stamps_;  // after each launch of the last run, which is no graph then
  int64_t first_set_ = 0;      // of the sample
  std::map<Runs, Replay> replays_;
  std::vector<const Replay*> chain_;
};

Queue::Queue(const Placed& placed, const Plan& plan, int64_t stamps)
    : device_(placed.device), program_(*placed.program), plan_(plan) {
  activate();
  site_ = site_of(device_);
  if (plan.compute_units > 0 && plan.compute_units < site_.compute_units) {
    limit_to(plan.compute_units, placed.stream);
  }
  if (site_.stream == nullptr) {
    stream_ = make_stream();
    site_.stream = stream_.get();
  }
  begin_ = make_event();
  end_ = make_event();
  for (int64_t i = 0; i < std::min(stamps, program_.count); ++i) stamps_.push_back(make_event());
}

// Where the vendor has no means, kernels that take their grid from the Site still use fewer units.
void Queue::limit_to(int32_t compute_units, int32_t index) {
  const LimitedStream limited = limited_stream(device_, compute_units, index);
  site_.stream = limited.stream;
  site_.compute_units = limited.stream == nullptr ? compute_units : limited.compute_units;
  limit_ = limited.stream == nullptr ? "grid size (" + limited.means + ")" : limited.means;
}

void Queue::launch_all(const Runs& runs) const {
  for (int64_t r = 0; r < runs.count; ++r) {
    for (int64_t i = 0; i < program_.count; ++i) launch(i, (runs.first_set + r) % plan_.rotation);
  }
}

void Queue::launch(int64_t index, int64_t set) const {
  const Launch& launch = program_.launches[index];
  const auto* kernel = static_cast<const Kernel*>(launch.kernel);
  kernel->launcher(resolve(launch.args, set), site_);
  check(cudaGetLastError(), kernel->name, __FILE__, __LINE__);
}

void Queue::prepare(int64_t first_set) {
  activate();
  first_set_ = first_set;
  const int64_t captured = as_graphs() ? unstamped_runs() : 0;
  const int64_t most = std::max<int64_t>(1, kGraphNodes / std::max<int64_t>(1, program_.count));
  std::map<Runs, Replay> used;
  chain_.clear();
  for (int64_t run = 0; run < captured; run += most) {
    const Runs runs{(first_set + run) % plan_.rotation, std::min(most, captured - run)};
    if (auto known = replays_.extract(runs)) used.insert(std::move(known));
    if (!used.contains(runs)) used.try_emplace(runs, stream(), [this, runs] { launch_all(runs); });
    chain_.push_back(&used.at(runs));
  }
  replays_.swap(used);
}

void Queue::start(const Queue& leader) {
  activate();
  if (&leader != this) GPU_CHECK(cudaStreamWaitEvent(stream(), leader.begin_.get(), 0));
  GPU_CHECK(cudaEventRecord(begin_.get(), stream()));
  for (const Replay* replay : chain_) replay->launch(stream());
  if (!as_graphs()) launch_all({first_set_, unstamped_runs()});
  if (!stamps_.empty()) {
    for (int64_t i = 0; i < program_.count; ++i) {
      launch(i, (first_set_ + unstamped_runs()) % plan_.rotation);
      if (i < static_cast<int64_t>(stamps_.size())) {
        GPU_CHECK(cudaEventRecord(stamps_[i].get(), stream()));
      }
    }
  }
  GPU_CHECK(cudaEventRecord(end_.get(), stream()));
}

double Queue::finish() {
  activate();
  GPU_CHECK(cudaStreamSynchronize(stream()));
  return seconds_between(begin_, end_);
}

void Queue::read_stamps(double* stamps) const {
  for (const auto& stamp : stamps_) *stamps++ = seconds_between(begin_, stamp);
}

// Telemetry is asked for while the device works: its clocks fall as soon as it has nothing to do.
double sample(std::deque<Queue>& queues, int64_t first_set, const std::string& pci_bus_id,
              Telemetry* telemetry) {
  for (auto& queue : queues) queue.prepare(first_set);
  {
    const Latch latch(queues.front().stream());
    for (auto& queue : queues) queue.start(queues.front());
  }
  *telemetry = telemetry_now(pci_bus_id);
  double slowest = 0;
  for (auto& queue : queues) slowest = std::max(slowest, queue.finish());
  return slowest;
}

void check_supported(std::span<const Placed> placed) {
  for (const auto& one : placed) {
    const auto same = [&](const Placed& other) {
      return other.device == one.device && other.stream == one.stream;
    };
    if (std::count_if(placed.begin(), placed.end(), same) > 1) {
      throw Error("programs that run together need a stream each", kUnsupported);
    }
  }
}

}  // namespace

void measure(std::span<const Placed> placed, const Plan& plan, Measurement* out) {
  check_supported(placed);
  const int64_t stamps = out->stamps == nullptr ? 0 : out->stamp_capacity;
  const std::string pci_bus_id = pci_bus_id_of(placed.front().device);
  std::deque<Queue> queues;
  for (const auto& one : placed) queues.emplace_back(one, plan, queues.empty() ? stamps : 0);
  out->compute_units = queues.front().compute_units();
  std::snprintf(out->limit, sizeof out->limit, "%s", queues.front().limit().c_str());
  for (out->samples = 0; out->samples < plan.samples; ++out->samples) {
    const int32_t i = out->samples;
    out->seconds[i] = sample(queues, (plan.first_set + i * plan.runs) % plan.rotation, pci_bus_id,
                             &out->telemetry[i]);
  }
  if (out->samples > 0) queues.front().read_stamps(out->stamps);
}

}  // namespace membound::gpu

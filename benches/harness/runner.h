// SPDX-License-Identifier: Apache-2.0
// Takes the samples. An entry is one case on one device; it is prepared, checked and calibrated at
// its first sample, and each later sample is one calibrated batch.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "benches/harness/bench.h"
#include "benches/harness/journal.h"
#include "benches/harness/watchdog.h"
#include "benches/harness/workspace.h"

namespace membound {

// A variant that was tried; without seconds it can't run here, and `reason` says why.
struct Tried {
  std::string kernel;
  std::optional<double> seconds;
  std::string reason;
};

struct Entry {
  const Bench* bench;
  Case shape;
  Workspace* workspace;
  std::string name;  // without the device
  std::optional<Prepared> prepared;
  Check check;
  std::vector<Tried> tried;     // where there are variants
  int64_t runs = 1;             // of the program in one sample
  std::string compute_limit;    // how the device kept to the compute units, where it says so
  int32_t compute_units = 0;    // that it really used, where they differ from what was asked for
  std::vector<double> seconds;  // per run, one a sample
  std::string failure;          // why it was skipped or went wrong; empty: neither
  bool unsupported = false;     // skipped for what this machine is; the run has not failed
  bool done = false;

  std::string device() const { return workspace->device().id(); }
};

class Runner {
 public:
  Runner(const Options& options, Journal& journal);

  // All cases of the benches that the options ask for, on each device.
  std::vector<std::unique_ptr<Entry>> plan(std::vector<std::unique_ptr<Workspace>>& workspaces);

  // Prepares and checks; throws Error. Called by sample() where it is still to do.
  void prepare(Entry& entry);
  // Takes one sample and journals it; false where the entry failed, now or before.
  bool sample(Entry& entry, int32_t pass);
  // Journals that the entry is complete, with the reason.
  void finish(Entry& entry, const std::string& stop_reason);
  // Whether more samples are wanted, as the options' error and caps say.
  bool wants_more(const Entry& entry) const;

  // From the first sample on.
  double measuring_seconds() const;
  double seconds_to_first_sample() const { return to_first_sample_; }
  double since_start() const;
  bool out_of_time() const { return measuring_seconds() > options_.time_cap_seconds; }

 private:
  int64_t first_cold_set(const Entry& entry) const;
  std::vector<Sample> measure(Entry& entry, int64_t runs, int32_t samples);
  int64_t runs_for(Entry& entry, double seconds, double ticks);
  void choose_variant(Entry& entry);
  void calibrate(Entry& entry);
  void fail(Entry& entry, const std::string& type, const std::string& reason);
  void journal_bench(const Entry& entry);

  const Options& options_;
  Journal& journal_;
  Watchdog watchdog_;
  std::chrono::steady_clock::time_point start_;
  double to_first_sample_ = -1;
};

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// Google Benchmark as the shell: it filters by name, interleaves repetitions of all benches at
// random and writes its JSON. One repetition is one sample. Benches that have not converged get
// further passes until the time cap.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "benches/harness/runner.h"

namespace membound {

struct Outcome {
  int64_t failed = 0;    // errors; skips don't count
  int64_t measured = 0;  // entries with samples
  bool interrupted = false;
  bool listed = false;  // names were asked for, nothing was to be measured
  std::string reason;   // empty: everything that was planned
};

// Throws InputError for flags that Google Benchmark refuses. Called once a process.
Outcome run_passes(Runner& runner, std::vector<std::unique_ptr<Entry>>& entries,
                   const Options& options);

// Set from a signal handler: the sample in flight ends, and then the run.
extern std::atomic<bool> interrupted;

}  // namespace membound

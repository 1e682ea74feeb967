// SPDX-License-Identifier: Apache-2.0
// The command line of membound-bench.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "benches/model/shape.h"
#include "benches/model/types.h"
#include "benches/model/weights_file.h"

namespace membound {

enum class Action { kMeasure, kList, kPrintWork, kDescribe, kCheck, kGenerate, kVersion, kHelp };
enum class Suite { kCeilings, kSteps, kAll };

struct Options {
  Action action = Action::kMeasure;
  Suite suite = Suite::kAll;
  std::string profile = "quick";
  std::vector<std::string> devices;  // empty: every one
  std::string backends_folder;
  std::string catalogue_folder;
  std::string out;       // journal; empty: none
  std::string describe;  // file of weights

  std::optional<Shape> model;
  std::shared_ptr<const WeightsFile> weights;  // the model's; null: random ones of its shapes
  Types types = types_of("bf16");
  std::vector<int64_t> batches;
  std::vector<int64_t> contexts;
  std::vector<int64_t> prefills;  // tokens

  int64_t generate = 0;                       // tokens of each sequence
  std::vector<std::vector<int32_t>> prompts;  // one a sequence, of equal length
  std::string logits_out;                     // raw f32; empty: none

  double sample_seconds = 0.02;  // shortest sample
  double relative_error = 0.01;  // of the median, at which a bench has converged
  int32_t min_samples = 5;
  int32_t max_samples = 20;
  double time_cap_seconds = 60;  // of measuring, for the whole process
  double hang_seconds = 120;     // after which one sample is taken for a hang
  int32_t process_index = 0;

  std::string filter;                            // of names with their device; empty: all
  std::vector<std::string> benchmark_arguments;  // passed on to Google Benchmark
  std::string benchmark_out;                     // where its JSON goes, if anywhere
};

// Throws InputError with one line: what, where, what to do.
Options parse_options(int argc, char** argv);

std::string usage();

}  // namespace membound

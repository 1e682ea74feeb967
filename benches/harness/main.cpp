// SPDX-License-Identifier: Apache-2.0
// membound-bench: everything that a node needs. See usage() in options.cpp.
#include <csignal>
#include <cstdio>
#include <iostream>

#include "backends/loader.h"
#include "benches/harness/actions.h"
#include "benches/harness/build_info.h"
#include "benches/harness/options.h"

namespace membound {
namespace {

constexpr int kCouldNotMeasure = 2;
constexpr int kBadInput = 3;

int act(const Options& options, const std::vector<std::string>& command) {
  switch (options.action) {
    case Action::kVersion:
      std::cout << "membound-bench " << kVersion << " (" << kGitRevision << ")\n";
      return 0;
    case Action::kHelp:
      std::cout << usage();
      return 0;
    case Action::kPrintWork:
      return print_work(options);
    case Action::kDescribe:
      return describe_file(options);
    case Action::kList:
      return list(options);
    case Action::kCheck:
      return check_all(options);
    case Action::kGenerate:
      return generate_tokens(options);
    case Action::kMeasure:
      return measure_all(options, command);
  }
  return kBadInput;
}

int run(int argc, char** argv) {
  try {
    return act(parse_options(argc, argv), {argv, argv + argc});
  } catch (const InputError& error) {
    std::fprintf(stderr, "membound-bench: error: %s\n", error.what());
    return kBadInput;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "membound-bench: error: %s\n", error.what());
    return kCouldNotMeasure;
  }
}

}  // namespace
}  // namespace membound

int main(int argc, char** argv) { return membound::run(argc, argv); }

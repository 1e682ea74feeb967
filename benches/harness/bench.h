// SPDX-License-Identifier: Apache-2.0
// A bench is one question. It is data: which cases there are, what one launch does, how its
// operands are made and how its result is checked. It times nothing; the runner does.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/loader.h"
#include "benches/harness/work.h"

namespace membound {

class Workspace;

// key:value parts of a name, in order.
using Keys = std::vector<std::pair<std::string, std::variant<int64_t, std::string>>>;

struct Case {
  std::string dtype;
  Keys keys;
};

// What a measurement is for.
enum class Stage { kCeiling, kKernel, kStep };

struct Check {
  bool ok = true;
  std::string what;      // what was compared with what
  double max_error = 0;  // largest error, in the unit of `bound`
  double bound = 0;
};

// A program that runs at the same time as the measured one.
struct CoRunner {
  int32_t device;  // within the backend
  std::vector<Launch> launches;
};

// A case made ready on a device: operands filled, program built, nothing timed yet.
struct Prepared {
  std::string kernel;  // the one that the question is about
  std::vector<Launch> launches;
  // Kernels that can take the first launch's place; the fastest does. Empty: there is no choice.
  std::vector<std::string> variants = {};
  std::vector<CoRunner> beside = {};  // the time is the slowest program's
  bool ordered = true;
  std::vector<Buffer> buffers;          // that the launches point into
  Work work;                            // of one run of the program
  int64_t rotation = 1;                 // buffer sets
  int64_t footprint_bytes = 0;          // of the largest operand, over all sets
  bool cold = false;                    // claims that its data come from memory
  int32_t compute_units = 0;            // limit, 0: all
  int32_t domain = -1;                  // use only the units of this memory domain; -1: of all
  std::function<void()> before_sample;  // may be empty
  // What one sample shows beside its time, read after it; may be empty. Names carry units.
  std::function<std::map<std::string, double>()> counters;
  std::function<Check()> check;  // result against an independent reference

  int64_t stride_bytes() const { return footprint_bytes / rotation; }
};

struct Bench {
  std::string family;
  std::string name;
  std::string question;
  Stage stage = Stage::kCeiling;
  // Measured again between the steps, to see whether the machine drifted.
  bool anchor = false;
  // Works in caches and registers alone: measured first, while the pools are still to be made.
  bool light = false;
  // The cases that the options ask for on this device.
  std::function<std::vector<Case>(Workspace&)> cases;
  // Kernels that a device needs; the bench is not offered on a device that lacks one.
  std::vector<std::string> kernels;
  // Of these it needs one at least, where there are any; cases() then leaves out the others.
  std::vector<std::string> any_kernel_of = {};
  // Memory without which not even the smallest case runs; empty where the pools are the most of it.
  std::function<int64_t(const Workspace&)> need_bytes;
  // Throws Error: the case becomes a skip or an error in the record and the run goes on.
  std::function<Prepared(Workspace&, const Case&)> prepare;

  bool runs_on(const Device& device) const {
    const auto has = [&](const std::string& kernel) {
      return device.find_kernel(kernel) != nullptr;
    };
    return std::all_of(kernels.begin(), kernels.end(), has) &&
           (any_kernel_of.empty() || std::any_of(any_kernel_of.begin(), any_kernel_of.end(), has));
  }
};

// All benches that were linked in. Registration only stores data.
inline std::vector<Bench>& benches() {
  static std::vector<Bench> all;
  return all;
}

struct BenchRegistrar {
  explicit BenchRegistrar(Bench bench) { benches().push_back(std::move(bench)); }
};

// family/bench/dtype/key:value...
std::string case_name(const Bench& bench, const Case& c);

// `check` of the launch as each of the variants; the worst result, and which variant gave it.
Check check_variants(const Device& device, const std::vector<std::string>& variants, Launch launch,
                     const std::function<Check(const Launch&)>& check);

int64_t integer(const Case& c, const std::string& key);
// 0 where the case has no such key.
int64_t integer_or_zero(const Case& c, const std::string& key);
std::string text(const Case& c, const std::string& key);

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// What membound-bench can be asked to do. Each returns the process's exit code and throws
// InputError for what the user has to mend.
#pragma once

#include <string>
#include <vector>

#include "benches/harness/options.h"

namespace membound {

int list(const Options& options);
int print_work(const Options& options);
int describe_file(const Options& options);
int check_all(const Options& options);
int generate_tokens(const Options& options);
int measure_all(const Options& options, const std::vector<std::string>& command);

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// The journal of a process: JSON Lines, each line handed to the system as soon as it is known, so
// that a kill loses only the sample in flight. A journal without an `end` line is partial.
#pragma once

#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

namespace membound {

class Journal {
 public:
  // An empty path writes nowhere. Throws InputError if the file can't be made.
  explicit Journal(const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;

  // Adds one line; safe from any thread. Numbers that are not finite become null.
  void write(const nlohmann::json& line);

 private:
  std::mutex mutex_;
  int file_ = -1;
};

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// A device call that never returns can't be interrupted from within; the watchdog ends the process
// instead, after it let the caller say so in the journal.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace membound {

class Watchdog {
 public:
  // `on_hang` gets the name that was armed and runs on the watchdog's thread; then the process
  // exits with code 2.
  Watchdog(double seconds, std::function<void(const std::string&)> on_hang);
  ~Watchdog();

  // From now until the guard's end, at most the seconds given to the constructor.
  class Guard {
   public:
    Guard(Watchdog& dog, const std::string& name) : dog_(dog) { dog_.arm(name); }
    ~Guard() { dog_.arm(""); }

   private:
    Watchdog& dog_;
  };

 private:
  void arm(const std::string& name);
  void watch();

  const double seconds_;
  const std::function<void(const std::string&)> on_hang_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string armed_;  // empty: nothing to watch
  bool stop_ = false;
  uint64_t turn_ = 0;
  std::thread thread_;
};

}  // namespace membound

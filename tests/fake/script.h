// SPDX-License-Identifier: Apache-2.0
// What the fake backend is told to do, from the environment variable MEMBOUND_FAKE:
// comma-separated key=value.
#pragma once

#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

namespace membound::fake {

struct Script {
  double bandwidth = 20e9;     // bytes/s that every launch reads and writes at
  double launch = 1e-6;        // seconds that a launch takes on top
  double noise = 0;            // relative standard deviation of a sample
  double drift = 0;            // relative growth of the time with each sample
  int64_t throttle_from = -1;  // sample from which the device throttles to half its speed
  int64_t hang_at = -1;        // sample that never ends
  int64_t fail_at = -1;        // sample that fails
  int64_t wrong = 0;           // 1: results are wrong
  int64_t memory = int64_t{4} << 30;
  int64_t devices = 2;
};

inline Script read_script() {
  const char* text = std::getenv("MEMBOUND_FAKE");
  std::map<std::string, double> values;
  std::istringstream stream(text == nullptr ? "" : text);
  for (std::string part; std::getline(stream, part, ',');) {
    const auto equals = part.find('=');
    values[part.substr(0, equals)] = std::stod(part.substr(equals + 1));
  }
  Script script;
  const auto real = [&](const char* key, double& value) {
    if (values.count(key) != 0) value = values[key];
  };
  const auto whole = [&](const char* key, int64_t& value) {
    if (values.count(key) != 0) value = static_cast<int64_t>(values[key]);
  };
  real("bandwidth", script.bandwidth);
  real("launch", script.launch);
  real("noise", script.noise);
  real("drift", script.drift);
  whole("throttle_from", script.throttle_from);
  whole("hang_at", script.hang_at);
  whole("fail_at", script.fail_at);
  whole("wrong", script.wrong);
  whole("memory", script.memory);
  whole("devices", script.devices);
  return script;
}

}  // namespace membound::fake

// SPDX-License-Identifier: Apache-2.0
// What one launch does by definition of its loop, in integers. Nothing here is measured.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace membound {

struct Work {
  int64_t bytes_read = 0;            // from memory: streams, weights, KV cache, embedding rows
  int64_t bytes_written = 0;         // to memory: streams, KV cache
  int64_t activation_bytes = 0;      // read and written by a transformer's ops; stays in caches
  int64_t write_allocate_bytes = 0;  // read by the hardware because ordinary stores fetch the line
  std::map<std::string, int64_t> flops = {{"f32", 0}};  // by type that the arithmetic is done in

  int64_t bytes() const { return bytes_read + bytes_written; }

  Work& operator+=(const Work& other) {
    bytes_read += other.bytes_read;
    bytes_written += other.bytes_written;
    activation_bytes += other.activation_bytes;
    write_allocate_bytes += other.write_allocate_bytes;
    for (const auto& [type, count] : other.flops) flops[type] += count;
    return *this;
  }
};

inline nlohmann::json to_json(const Work& work) {
  return {{"bytes_read", work.bytes_read},
          {"bytes_written", work.bytes_written},
          {"activation_bytes", work.activation_bytes},
          {"write_allocate_bytes", work.write_allocate_bytes},
          {"flops", work.flops}};
}

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// What the benches of one device share: the options, the model's shape and the pools of random
// data.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "backends/loader.h"
#include "benches/harness/options.h"

namespace membound {

class Workspace {
 public:
  // `peer`: another device of the same backend, if there is one.
  Workspace(Device device, const Options& options, std::optional<Device> peer = std::nullopt);

  const Device& device() const { return device_; }
  const Device* peer() const { return peer_ ? &*peer_ : nullptr; }
  const Options& options() const { return options_; }

  // Bytes that one operand goes round to be cold: four times all last-level caches and one launch
  // more, at least 64 MiB. Smaller where memory is short; a bench that then claims cold data is
  // marked.
  int64_t pool_bytes() const { return pool_bytes_; }
  // The most that one cold launch of a stream takes of a pool: so much that its ramp is a small
  // part of it, a power of two that depends on the device alone.
  int64_t largest_cold_bytes() const;
  // Whether `bytes` of rotation are enough to call data cold.
  bool is_cold(int64_t bytes) const { return bytes >= 4 * device_.info().llc_bytes; }

  // Pool `index` (0 to 2), made at its first use: high-entropy floats that are valid and normal
  // as f32, as bf16 (magnitudes in [2^-8, 1)) and as f16 (in [0.5, 2)).
  void* pool(int index);

  // As pool(), but of hot_bytes() and apart from the pools, so that hot benches leave no part of
  // them in caches.
  void* hot(int index);
  int64_t hot_bytes() const;

  // Something costly that several benches use, such as a model's weights: made once, by `make`.
  template <typename T, typename Make>
  std::shared_ptr<T> shared(const std::string& key, Make make) {
    std::shared_ptr<void>& slot = shared_[key];
    if (slot == nullptr) slot = std::make_shared<T>(make());
    return std::static_pointer_cast<T>(slot);
  }

  // Where in the pools the last cold sample of any bench ended. The next one goes on from there:
  // what a bench of its own memory took for cold, another may have read a moment ago.
  int64_t cold_cursor_bytes = 0;

 private:
  void* make(Buffer& buffer, int64_t bytes, uint64_t seed);
  Device device_;
  std::optional<Device> peer_;
  const Options& options_;
  int64_t pool_bytes_;
  std::array<Buffer, 3> pools_;
  std::array<Buffer, 3> hot_;
  std::map<std::string, std::shared_ptr<void>> shared_;
};

// Fills device memory with such floats: `count` elements of `dtype` ("f32", "f16", "bf16"), times
// `scale`, which must be a power of two.
void fill_random(const Device& device, void* data, int64_t count, const std::string& dtype,
                 uint64_t seed, double scale = 1.0);

// The same for a matrix of any stored type; quantised rows in the device's layout (quantised.h).
void fill_weights(const Device& device, void* data, int64_t rows, int64_t columns,
                  const std::string& dtype, uint64_t seed, double scale = 1.0);

}  // namespace membound

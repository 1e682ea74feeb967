// SPDX-License-Identifier: Apache-2.0
#include "benches/harness/workspace.h"

#include <algorithm>
#include <bit>

#include "benches/model/steps.h"

namespace membound {
namespace {

constexpr int64_t kMegabyte = int64_t{1} << 20;
// Where many threads are resident, 16 KiB for each: about a millisecond at full rate.
constexpr int64_t kThreadBytes = 16 << 10;
constexpr int64_t kLeastColdBytes = 256 * kMegabyte;
constexpr int64_t kMostColdBytes = 4096 * kMegabyte;

int64_t largest_weight_bytes(const Options& options) {
  if (!options.model) return 0;
  // More tokens touch more experts.
  int64_t rows = 1;
  for (const auto& counts : {options.batches, options.prefills}) {
    for (const int64_t count : counts) rows = std::max(rows, count);
  }
  int64_t largest = 0;
  for (const auto& op : step_ops(*options.model, options.types, {StepSpec::kDecode, rows, 1})) {
    if (op.name != "attention") largest = std::max(largest, op.work.bytes_read);
  }
  return largest;
}

}  // namespace

Workspace::Workspace(Device device, const Options& options, std::optional<Device> peer)
    : device_(std::move(device)), peer_(std::move(peer)), options_(options) {
  const DeviceInfo& info = device_.info();
  // Checks don't care where data come from, nor do timings that are no results.
  const bool any_place = options.action == Action::kCheck || info.emulated != 0;
  const int64_t caches = any_place ? 0 : 4 * info.llc_bytes;
  // Whole launches go round a pool: one more than fits must be there, or the rotation falls short.
  const int64_t launch =
      std::max(caches > 0 ? largest_cold_bytes() : 0, largest_weight_bytes(options));
  const int64_t wanted = std::max(caches + launch, 64 * kMegabyte);
  // Three pools, and as much again for results and weights.
  const int64_t affordable = info.memory_free_bytes / 6;
  pool_bytes_ = std::min(wanted, affordable) / (2 * kMegabyte) * (2 * kMegabyte);
}

int64_t Workspace::largest_cold_bytes() const {
  const DeviceInfo& info = device_.info();
  const int64_t threads = int64_t{info.compute_units} * std::max(1, info.unit_threads);
  const int64_t bytes = std::clamp(threads * kThreadBytes, kLeastColdBytes, kMostColdBytes);
  return static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(bytes)));
}

int64_t Workspace::hot_bytes() const { return std::min(pool_bytes_, largest_cold_bytes()); }

void* Workspace::make(Buffer& buffer, int64_t bytes, uint64_t seed) {
  if (buffer.data() == nullptr) {
    buffer = device_.alloc(bytes);
    fill_random(device_, buffer.data(), bytes / 2, "bf16", seed);
  }
  return buffer.data();
}

void* Workspace::pool(int index) { return make(pools_.at(index), pool_bytes_, 1 + index); }

void* Workspace::hot(int index) { return make(hot_.at(index), hot_bytes(), 11 + index); }

void fill_random(const Device& device, void* data, int64_t count, const std::string& dtype,
                 uint64_t seed, double scale) {
  const Launch launch{
      .kernel = device.need_kernel("fill/" + dtype),
      .args = {.buffer = {{data, 0}}, .n = {count, static_cast<int64_t>(seed)}, .scalar = {scale}},
      .depends = -1};
  device.run({.launches = &launch, .count = 1, .ordered = 1});
}

void fill_weights(const Device& device, void* data, int64_t rows, int64_t columns,
                  const std::string& dtype, uint64_t seed, double scale) {
  if (!is_quantised(dtype)) return fill_random(device, data, rows * columns, dtype, seed, scale);
  const Launch launch{.kernel = device.need_kernel("fill/" + dtype),
                      .args = {.buffer = {{data, 0}},
                               .n = {rows, columns, static_cast<int64_t>(seed)},
                               .scalar = {scale}},
                      .depends = -1};
  device.run({.launches = &launch, .count = 1, .ordered = 1});
}

}  // namespace membound

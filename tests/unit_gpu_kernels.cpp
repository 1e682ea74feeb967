// SPDX-License-Identifier: Apache-2.0
// Barriers, shuffles, shared memory and conversions as kernels see them, on every GPU found here
// and on the emulated one: the kernels of tests/gpu_kernels in modules of their own.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <optional>
#include <random>

#include "backends/loader.h"

namespace membound {
namespace {

class GpuKernels : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(GPU_TEST_BACKENDS)) GTEST_SKIP() << "no GPU backend is built";
    static const auto backends = load_backends(GPU_TEST_BACKENDS);
    std::string reasons;
    for (const auto& backend : backends) {
      if (backend.device_count > 0) device_.emplace(backend, 0);
      reasons += backend.name + ": " + backend.reason + " ";
    }
    if (!device_) GTEST_SKIP() << "no GPU: " << reasons;
  }

  void run(const char* kernel, const Args& args) const {
    const Launch launch{.kernel = device_->need_kernel(kernel), .args = args, .depends = -1};
    device_->run({.launches = &launch, .count = 1, .ordered = 1});
  }

  // One value of each thread of `blocks` blocks of `threads`.
  template <typename T = int32_t>
  std::vector<T> values(const char* kernel, int64_t blocks, int64_t threads, int64_t a = 0,
                        int64_t b = 0) const {
    const Buffer out = device_->alloc(blocks * threads * sizeof(T));
    run(kernel, {.buffer = {{out.data(), 0}}, .n = {blocks, threads, a, b}});
    return device_->to_host<T>(out.data(), blocks * threads);
  }

  std::optional<Device> device_;
};

TEST_F(GpuKernels, SumsOfGroups) {
  for (const int64_t width : {2, 4, 8, 16, 32}) {
    const auto sums = values("test/group_sum", 3, 192, width);
    for (size_t i = 0; i < sums.size(); ++i) {
      const auto first = static_cast<int64_t>(i % 192) / width * width + 1;
      ASSERT_EQ(sums[i], width * (2 * first + width - 1) / 2) << "width " << width << ", " << i;
    }
  }
}

TEST_F(GpuKernels, ReductionsOfABlock) {
  for (const int64_t threads : {64, 256, 1024}) {
    const auto greatest = values("test/block_max", 5, threads);
    const auto sums = values<double>("test/block_sums", 5, threads);
    for (size_t i = 0; i < greatest.size(); ++i) {
      const auto block = static_cast<int64_t>(i) / threads;
      ASSERT_EQ(greatest[i], 1000 * block - (threads > 70 ? 0 : 49)) << threads << ", " << i;
      const double first = static_cast<double>(threads * (threads + 1) / 2);
      ASSERT_EQ(sums[i], static_cast<double>(threads) * (first + static_cast<double>(block)));
    }
  }
}

TEST_F(GpuKernels, ShufflesSwapNeighbours) {
  for (const int64_t mask : {1, 2, 4, 8, 16}) {
    const auto seen = values("test/shuffle_xor", 2, 128, mask, 2 * mask);
    for (size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(seen[i], static_cast<int64_t>(i % 128) ^ mask) << mask << ", " << i;
    }
  }
}

TEST_F(GpuKernels, WavesOfABlockMayDoDifferentAmountsOfExchange) {
  // Each wave counts its rounds; how many waves there are depends on the device.
  const auto expected = [](int64_t waves) { return waves * (waves + 1) / 2; };
  for (const int64_t threads : {128, 512}) {
    const auto counts = values("test/uneven_waves", 7, threads);
    ASSERT_TRUE(counts[0] == expected(threads / 32) || counts[0] == expected(threads / 64));
    for (const int32_t count : counts) ASSERT_EQ(count, counts[0]);
  }
}

TEST_F(GpuKernels, NeighboursMeetAtBarriers) {
  for (const int64_t threads : {2, 96, 256, 1024}) {
    const auto seen = values("test/ring", 9, threads);
    for (size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(seen[i], static_cast<int64_t>(i + 3) % threads) << threads << ", " << i;
    }
  }
}

TEST_F(GpuKernels, WavesMayEndBeforeTheOthersMeet) {
  const auto counts = values("test/early_end", 6, 192);
  for (size_t i = 0; i < counts.size(); ++i) ASSERT_EQ(counts[i], i % 192 < 64 ? 64 : -1) << i;
}

bool is_nan(uint16_t bits, int mantissa_bits) {
  const uint16_t infinity = static_cast<uint16_t>(0x7fff >> mantissa_bits << mantissa_bits);
  return (bits & 0x7fff) > infinity;
}

TEST_F(GpuKernels, SixteenBitFloatsSurviveAsFloats) {
  const Buffer halves = device_->alloc(1 << 17);
  const Buffer bf16s = device_->alloc(1 << 17);
  run("test/there_and_back", {.buffer = {{halves.data(), 0}, {bf16s.data(), 0}}, .n = {4, 256}});
  const auto half = device_->to_host<uint16_t>(halves.data(), 1 << 16);
  const auto bf16 = device_->to_host<uint16_t>(bf16s.data(), 1 << 16);
  for (int i = 0; i < 1 << 16; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    ASSERT_TRUE(half[i] == bits || is_nan(bits, 10)) << i;
    ASSERT_TRUE(bf16[i] == bits || is_nan(bits, 7)) << i;
  }
}

// The value of 16 bits with that many of mantissa.
double value_of(uint16_t bits, int mantissa_bits, int bias) {
  const int exponent = (bits & 0x7fff) >> mantissa_bits;
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const double size =
      exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                    : std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
  return (bits & 0x8000) != 0 ? -size : size;
}

TEST_F(GpuKernels, FloatsAreRoundedToTheNearest) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> any(-30000, 30000);
  constexpr int64_t kCount = 100000;
  std::vector<float> values(kCount);
  for (int64_t i = 0; i < kCount; ++i) values[i] = any(random) * std::exp2f(-(i % 24));
  const Buffer halves = device_->alloc(2 * kCount);
  const Buffer bf16s = device_->alloc(2 * kCount);
  const Buffer in = device_->alloc(4 * kCount);
  device_->copy(in.data(), values.data(), 4 * kCount);
  run("test/rounded",
      {.buffer = {{halves.data(), 0}, {bf16s.data(), 0}, {in.data(), 0}}, .n = {4, 256, kCount}});
  const auto half = device_->to_host<uint16_t>(halves.data(), kCount);
  const auto bf16 = device_->to_host<uint16_t>(bf16s.data(), kCount);
  const auto nearest = [](uint16_t bits, double value, int mantissa_bits, int bias) {
    const double error = std::abs(value_of(bits, mantissa_bits, bias) - value);
    for (const int step : {-1, 1}) {
      const double other = value_of(static_cast<uint16_t>(bits + step), mantissa_bits, bias);
      if (std::abs(other - value) < error) return false;
    }
    return true;
  };
  for (int64_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(nearest(half[i], values[i], 10, 15)) << values[i];
    ASSERT_TRUE(nearest(bf16[i], values[i], 7, 127)) << values[i];
  }
}

TEST_F(GpuKernels, WhatIsMovedOnceArrives) {
  constexpr int64_t kCount = 4 * 1001;
  std::vector<uint32_t> values(kCount);
  for (int64_t i = 0; i < kCount; ++i) values[i] = static_cast<uint32_t>(i);
  const Buffer in = device_->alloc(4 * kCount);
  const Buffer out = device_->alloc(4 * kCount);
  device_->copy(in.data(), values.data(), 4 * kCount);
  run("test/moved_once", {.buffer = {{out.data(), 0}, {in.data(), 0}}, .n = {3, 128, kCount}});
  EXPECT_EQ(device_->to_host<uint32_t>(out.data(), kCount), values);
}

}  // namespace
}  // namespace membound

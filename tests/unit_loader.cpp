// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "backends/loader.h"

namespace membound {
namespace {

TEST(Loader, ABrokenModuleIsAbsentWithItsReason) {
  const auto backends = load_backends(BROKEN_MODULES);
  ASSERT_EQ(backends.size(), 3u);
  for (const auto& backend : backends) EXPECT_EQ(backend.api, nullptr);
  EXPECT_NE(backends[0].reason.find("exports no membound_backend"), std::string::npos);
  EXPECT_NE(backends[1].reason.find("text.so"), std::string::npos);
  EXPECT_NE(backends[2].reason.find("seam version"), std::string::npos);
}

TEST(Loader, AMissingFolderIsBadInput) {
  EXPECT_THROW(load_backends("/nonexistent/folder"), InputError);
}

TEST(Loader, DevicesAreChosenByName) {
  const auto backends = load_backends(FAKE_BACKENDS);
  EXPECT_EQ(open_devices(backends, {}).size(), 2u);
  EXPECT_EQ(open_devices(backends, {"fake:1"}).at(0).id(), "fake:1");
  try {
    open_devices(backends, {"cuda:7"});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("fake:0, fake:1"), std::string::npos);
  }
}

TEST(Loader, ErrorsOfABackendBecomeExceptions) {
  const auto backends = load_backends(FAKE_BACKENDS);
  const Device device(backends.at(0), 0);
  try {
    device.alloc(int64_t{1} << 50);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), kOutOfMemory);
    EXPECT_NE(std::string(error.what()).find("less memory"), std::string::npos);
  }
  EXPECT_THROW(device.need_kernel("no such kernel"), Error);
  EXPECT_THROW(Device(backends.at(0), 9), Error);
}

TEST(Loader, CoRunnersShareADeviceAndNotTwo) {
  const auto backends = load_backends(FAKE_BACKENDS);
  const Device device(backends.at(0), 0);
  const Buffer data = device.alloc(1 << 20);
  const Buffer out = device.alloc(4096 * 4);
  const Launch launch{.kernel = device.need_kernel("read/f32"),
                      .args = {.buffer = {{data.data(), 0}, {out.data(), 0}}, .n = {1 << 20, 4096}},
                      .depends = -1};
  const Program program{.launches = &launch, .count = 1, .ordered = 1};
  const Plan plan{.runs = 1, .samples = 1, .rotation = 1};
  const double alone = device.measure(program, plan)[0].seconds;
  const Placed together[] = {{0, &program, 0}, {0, &program, 1}};
  const Placed apart[] = {{0, &program, 0}, {1, &program, 0}};
  EXPECT_NEAR(device.measure(together, plan)[0].seconds / alone, 2, 0.1);
  EXPECT_NEAR(device.measure(apart, plan)[0].seconds / alone, 1, 1e-9);
}

}  // namespace
}  // namespace membound

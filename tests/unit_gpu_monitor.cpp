// SPDX-License-Identifier: Apache-2.0
// NVML, rocm-smi and the driver's files, against libraries and folders that answer from a script.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "backends/cuda/nvml.h"
#include "backends/gpu/sysfs.h"
#include "backends/rocm/rocm_smi.h"

namespace membound {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kStubs = VENDOR_STUBS;

TEST(Nvml, TellsClocksPowerEccAndPartitions) {
  cuda::Nvml nvml(kStubs + "/nvml.so");
  const json details = nvml.details("0000:3b:00.0");
  EXPECT_EQ(details["sm_clock_most_hz"], 1980e6);
  EXPECT_EQ(details["memory_clock_most_hz"], 3201e6);
  EXPECT_EQ(details["memory_bus_bits"], 6144);
  EXPECT_EQ(details["power_limit_watts"], 700.0);
  EXPECT_EQ(details["ecc"], true);
  EXPECT_EQ(details["mig"], false);
  EXPECT_EQ(details["throttle_reasons"],
            json::array({"power cap", "thermal slowdown by hardware"}));
}

TEST(Nvml, SamplesTheDevicesState) {
  cuda::Nvml nvml(kStubs + "/nvml.so");
  const Telemetry state = nvml.telemetry("0000:3b:00.0");
  EXPECT_EQ(state.clock_hz, 1755e6);
  EXPECT_EQ(state.power_watts, 512.5);
  EXPECT_EQ(state.temperature_celsius, 61);
  EXPECT_EQ(state.throttle, uint32_t{kPower} | kThermal);
  EXPECT_TRUE(std::isnan(state.counted_bytes));
}

TEST(Nvml, FailuresAreReasons) {
  cuda::Nvml old(kStubs + "/nvml_old.so");
  const json details = old.details("0000:3b:00.0");
  EXPECT_EQ(details["ecc"]["absent"], "nvmlDeviceGetEccMode: Not Supported");
  EXPECT_EQ(details["mig"]["absent"], "this NVML has no nvmlDeviceGetMigMode");
  EXPECT_EQ(details["throttle_reasons"], json::array({"idle"}));
  EXPECT_EQ(old.telemetry("0000:3b:00.0").throttle, kNoThrottle);

  cuda::Nvml other(kStubs + "/nvml.so");
  EXPECT_EQ(other.details("0000:99:00.0")["absent"],
            "nvmlDeviceGetHandleByPciBusId_v2(0000:99:00.0): Not Found");
  EXPECT_TRUE(std::isnan(other.telemetry("0000:99:00.0").power_watts));

  cuda::Nvml refuses(kStubs + "/nvml_refuses.so");
  EXPECT_EQ(refuses.details("0000:3b:00.0")["absent"], "nvmlInit_v2: Driver Not Loaded");

  cuda::Nvml missing(kStubs + "/nowhere.so");
  const std::string reason = missing.details("0000:3b:00.0")["absent"];
  EXPECT_NE(reason.find("nowhere.so"), std::string::npos) << reason;
  EXPECT_TRUE(std::isnan(missing.telemetry("0000:3b:00.0").clock_hz));
}

// A copy of what /sys shows of one device.
class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) /
            (std::string("sys_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  fs::path root_;
};

TEST_F(Files, NameThePciDevice) {
  write("bus/pci/devices/0000:3b:00.0/numa_node", "1\n");
  write("bus/pci/devices/0000:3b:00.0/current_link_speed", "32.0 GT/s PCIe\n");
  write("bus/pci/devices/0000:3c:00.0/numa_node", "-1\n");
  write("bus/pci/devices/0000:3d:00.0/numa_node", "nonsense\n");
  const json known = gpu::pci_details("00000000:3B:00.0", root_);
  EXPECT_EQ(known["numa_node"], 1);
  EXPECT_EQ(known["link_speed"], "32.0 GT/s PCIe");
  EXPECT_TRUE(known["link_lanes"].is_null());
  for (const char* id : {"0000:3c:00.0", "0000:3d:00.0", "0000:ff:00.0"}) {
    EXPECT_TRUE(gpu::pci_details(id, root_)["numa_node"].is_null()) << id;
  }
}

TEST_F(Files, ShowClocksAndCachesOfAnAmdDevice) {
  const std::string device = "bus/pci/devices/0000:83:00.0/";
  write(device + "pp_dpm_sclk", "0: 132Mhz\n1: 1300Mhz *\n2: 2100Mhz\n");
  write(device + "pp_dpm_mclk", "0: 900Mhz *\n1: 1300Mhz\nnonsense\n");
  const std::string nodes = "class/kfd/kfd/topology/nodes/";
  write(nodes + "0/properties", "location_id 0\ndomain 0\n");
  write(nodes + "1/properties", "cpu_cores_count 0\nlocation_id 33536\ndomain 0\n");
  write(nodes + "1/caches/0/properties", "level 2\nsize 4096\n");
  write(nodes + "1/caches/1/properties", "level 3\nsize 262144\n");

  rocm::RocmSmi smi(kStubs + "/rocm_smi.so", root_);
  const json details = smi.details("0000:83:00.0");
  EXPECT_EQ(details["sm_clock_most_hz"], 2100e6);
  EXPECT_EQ(details["memory_clock_hz"], 900e6);
  EXPECT_EQ(details["memory_clock_most_hz"], 1300e6);
  EXPECT_EQ(details["power_limit_watts"], 750.0);
  EXPECT_EQ(details["memory_partition"], "NPS1");
  EXPECT_EQ(details["compute_partition"]["absent"],
            "rsmi_dev_compute_partition_get: not supported");
  EXPECT_EQ(smi.infinity_cache_bytes("0000:83:00.0"), 256 << 20);
  EXPECT_EQ(smi.infinity_cache_bytes("0000:84:00.0"), 0);
  const Telemetry state = smi.telemetry("0000:83:00.0");
  EXPECT_EQ(state.clock_hz, 1300e6);
  EXPECT_EQ(state.power_watts, 401.0);
  EXPECT_EQ(state.temperature_celsius, 58);
}

TEST_F(Files, OfRocmSmiFailuresAreReasons) {
  rocm::RocmSmi later(kStubs + "/rocm_smi_old.so", root_);
  EXPECT_EQ(later.telemetry("0000:83:00.0").power_watts, 402.0);
  EXPECT_TRUE(std::isnan(later.telemetry("0000:83:00.0").clock_hz));
  EXPECT_EQ(later.details("0000:83:00.0")["memory_partition"]["absent"],
            "this rocm-smi has no rsmi_dev_memory_partition_get");
  EXPECT_EQ(later.details("0000:84:00.0")["power_limit_watts"]["absent"],
            "rocm-smi shows no device at 0000:84:00.0");
  rocm::RocmSmi missing(kStubs + "/nowhere.so", root_);
  EXPECT_TRUE(std::isnan(missing.telemetry("0000:83:00.0").power_watts));
  EXPECT_FALSE(missing.reason().empty());
}

}  // namespace
}  // namespace membound

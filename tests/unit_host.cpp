// SPDX-License-Identifier: Apache-2.0
// What the CPU backend reads about its machine, from made-up /proc and /sys trees.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "backends/cpu/cgroup.h"
#include "backends/cpu/memory_modules.h"
#include "backends/cpu/pmu.h"

namespace membound::cpu {
namespace {

namespace fs = std::filesystem;

class Tree : public testing::Test {
 protected:
  Tree() { fs::create_directories(root_); }
  ~Tree() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::string at(const std::string& path) const { return (root_ / path).string(); }

 private:
  fs::path root_ =
      fs::path(testing::TempDir()) / ("tree-" + std::to_string(std::random_device()()));
};

using Cgroup = Tree;

TEST_F(Cgroup, TheNarrowestOfVersion2OnTheWayUpCounts) {
  write("self", "0::/slurm/job/step\n");
  write("cg/slurm/cpu.max", "400000 100000\n");
  write("cg/slurm/job/cpu.max", "150000 100000\n");
  write("cg/slurm/job/step/cpu.max", "max 100000\n");
  write("cg/slurm/memory.max", "1000\n");
  write("cg/slurm/memory.current", "900\n");
  write("cg/slurm/memory.stat", "anon 400\ninactive_file 300\n");
  write("cg/slurm/job/memory.max", "max\n");
  const CgroupLimits limits = cgroup_limits(at("self"), at("cg"));
  EXPECT_DOUBLE_EQ(limits.cores, 1.5);
  EXPECT_EQ(limits.memory_free_bytes, 400);
}

TEST_F(Cgroup, Version1HasAHierarchyForEachController) {
  write("self", "5:memory:/box\n3:cpu,cpuacct:/box\n1:name=systemd:/\n");
  write("cg/memory/box/memory.limit_in_bytes", "5000\n");
  write("cg/memory/box/memory.usage_in_bytes", "1000\n");
  write("cg/cpu,cpuacct/box/cpu.cfs_quota_us", "50000\n");
  write("cg/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  const CgroupLimits limits = cgroup_limits(at("self"), at("cg"));
  EXPECT_DOUBLE_EQ(limits.cores, 0.5);
  EXPECT_EQ(limits.memory_free_bytes, 4000);
}

TEST_F(Cgroup, NoLimitIsNoLimit) {
  write("self", "0::/\n");
  const CgroupLimits limits = cgroup_limits(at("self"), at("nowhere"));
  EXPECT_TRUE(std::isinf(limits.cores));
  EXPECT_EQ(limits.memory_free_bytes, std::numeric_limits<int64_t>::max());
}

using Pmu = Tree;

TEST_F(Pmu, TermsGoWhereTheFormatSays) {
  write("uncore_imc_0/type", "17\n");
  write("uncore_imc_0/cpumask", "0,56-57\n");
  write("uncore_imc_0/events/cas_count_read", "event=0x05,umask=0xcf,wide=0x3\n");
  write("uncore_imc_0/events/cas_count_read.scale", "6.103515625e-5\n");
  write("uncore_imc_0/events/cas_count_read.unit", "MiB\n");
  write("uncore_imc_0/format/event", "config:0-7\n");
  write("uncore_imc_0/format/umask", "config:8-15\n");
  write("uncore_imc_0/format/wide", "config1:4,9\n");
  write("uncore_cha_0/type", "18\n");
  const auto events = pmu_events("uncore_imc", "cas_count_read", at(""));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, 17u);
  EXPECT_EQ(events[0].config[0], 0xcf05u);
  EXPECT_EQ(events[0].config[1], (1u << 4) | (1u << 9));
  EXPECT_EQ(events[0].cpus, (std::vector<int>{0, 56, 57}));
  EXPECT_DOUBLE_EQ(events[0].bytes_per_count, 64.0);
}

TEST_F(Pmu, WhatCannotBeUnderstoodIsNotCounted) {
  write("uncore_imc_0/type", "17\n");
  write("uncore_imc_0/events/cas_count_read", "event=0x05,nonsense=1\n");
  write("uncore_imc_0/format/event", "config:0-7\n");
  write("uncore_imc_1/type", "eighteen\n");
  write("uncore_imc_1/events/cas_count_read", "event=0x05\n");
  write("uncore_imc_2/type", "19\n");
  write("uncore_imc_2/events/cas_count_read", "event=0x05\n");
  write("uncore_imc_2/format/event", "config:0-700\n");
  EXPECT_TRUE(pmu_events("uncore_imc", "cas_count_read", at("")).empty());
  EXPECT_TRUE(pmu_events("uncore_imc", "cas_count_read", at("nowhere")).empty());
}

std::vector<uint8_t> module_table() {
  std::vector<uint8_t> table(0x5c, 0);
  table[0] = 17;
  table[1] = 0x5c;
  table[0x0a] = 64;                        // data width
  table[0x0c] = 0xff, table[0x0d] = 0x7f;  // size: see the extended one
  table[0x10] = 2;                         // locator: the second string
  table[0x12] = 0x22;                      // DDR5
  table[0x1d] = 0x80;                      // 32768 MiB
  table[0x20] = 0xc0, table[0x21] = 0x12;  // 4800 MT/s
  for (const char c : std::string("BANK 0\0DIMM_A1\0\0", 16)) table.push_back(c);
  return table;
}

TEST(MemoryModule, IsReadFromItsTable) {
  const auto found = parse_memory_device(module_table());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->locator, "DIMM_A1");
  EXPECT_EQ(found->type, "DDR5");
  EXPECT_EQ(found->bytes, int64_t{32} << 30);
  EXPECT_EQ(found->transfers_per_s, 4'800'000'000);
  EXPECT_EQ(found->data_bits, 64);
}

TEST(MemoryModule, AnEmptySlotIsNone) {
  auto table = module_table();
  table[0x0c] = table[0x0d] = 0;
  EXPECT_FALSE(parse_memory_device(table));
}

TEST(MemoryModule, ShortAndWrongTablesAreHarmless) {
  const auto whole = module_table();
  std::mt19937 random(1);
  for (size_t length = 0; length < whole.size(); ++length) {
    std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    const auto found = parse_memory_device(cut);
    EXPECT_LE(found ? found->locator.size() : 0, whole.size());
    for (size_t i = 1; i < cut.size(); ++i) cut[i] = static_cast<uint8_t>(random());
    parse_memory_device(cut);
  }
}

}  // namespace
}  // namespace membound::cpu

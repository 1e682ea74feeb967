// SPDX-License-Identifier: Apache-2.0
// Names as drivers spell them, against the catalogue itself.
#include <gtest/gtest.h>

#include <fstream>

#include "benches/harness/paper.h"

namespace membound {
namespace {

nlohmann::json figures(const std::string& name, int64_t memory_bytes) {
  return paper_figures_from(CATALOGUE, name, memory_bytes);
}

struct Known {
  const char* name;
  int64_t memory_bytes;
  const char* id;
  double bandwidth;
};

class PaperFigures : public ::testing::TestWithParam<Known> {};

TEST_P(PaperFigures, AreThoseOfTheDatasheet) {
  const auto found = figures(GetParam().name, GetParam().memory_bytes);
  EXPECT_EQ(found["paper_source"], std::string("catalogue of accelerators: ") + GetParam().id);
  EXPECT_EQ(found["paper_bandwidth_GBps"], GetParam().bandwidth);
}

INSTANTIATE_TEST_SUITE_P(
    Names, PaperFigures,
    ::testing::Values(Known{"NVIDIA H200", 150754820096, "h200_sxm", 4800},
                      Known{"NVIDIA H200 NVL", 150754820096, "h200_nvl", 4800},
                      Known{"NVIDIA H100 80GB HBM3", 85017493504, "h100_sxm", 3350},
                      Known{"NVIDIA H100 PCIe", 85015789568, "h100_pcie", 2000},
                      Known{"NVIDIA H100 NVL", 100000000000, "h100_nvl", 3930},
                      Known{"NVIDIA GH200 480GB", 101468602368, "gh200_96", 4000},
                      Known{"NVIDIA A100-SXM4-40GB", 42331013120, "a100_sxm_40", 1555},
                      Known{"NVIDIA A100-SXM4-80GB", 84987740160, "a100_sxm_80", 2039},
                      Known{"NVIDIA A100 80GB PCIe", 84987740160, "a100_pcie_80", 1935},
                      Known{"NVIDIA B200", 191514017792, "b200_sxm", 8000},
                      Known{"NVIDIA GeForce RTX 4090", 25393692672, "rtx4090", 1008},
                      Known{"AMD Instinct MI300X", 206141652992, "mi300x", 5300},
                      Known{"AMD Instinct MI250X", 68702699520, "mi250x", 1640}));

TEST(PaperFigures, HavePeaksOfEveryType) {
  const auto found = figures("NVIDIA H200", 150754820096);
  EXPECT_EQ(found["paper_f16_GFLOPS"], 989400);
  EXPECT_EQ(found["paper_bf16_GFLOPS"], 989400);
  EXPECT_EQ(found["paper_i8_GFLOPS"], 1978900);
  // Without matrix units for bf16 there is no peak of it.
  EXPECT_FALSE(figures("Tesla V100-SXM2-32GB", 34079899648).contains("paper_bf16_GFLOPS"));
}

TEST(PaperFigures, AreNotGuessed) {
  for (const auto& [name, bytes] :
       {std::pair("NVIDIA H200 MIG 3g.71gb", int64_t{75000000000}),
        std::pair("NVIDIA H100", int64_t{100000000000}), std::pair("Some CPU", int64_t{1} << 36)}) {
    const auto found = figures(name, bytes);
    EXPECT_FALSE(found.contains("paper_bandwidth_GBps")) << name;
    EXPECT_EQ(std::string(found["paper_source"]).rfind("none: ", 0), 0) << name;
  }
  EXPECT_EQ(paper_figures_from("/nowhere", "NVIDIA H200", 1)["paper_source"],
            "none: /nowhere/accelerators.json is not a catalogue of accelerators");
}

}  // namespace
}  // namespace membound

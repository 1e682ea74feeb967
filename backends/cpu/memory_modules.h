// SPDX-License-Identifier: Apache-2.0
// Memory modules as the firmware lists them (SMBIOS type 17, DMTF DSP0134). Most systems show the
// table to root only, and most virtual machines have none: then nothing is known.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace membound::cpu {

struct MemoryModule {
  std::string locator;          // "DIMM_A1"
  std::string type;             // "DDR5", "HBM3"
  int64_t bytes = 0;            //
  int64_t transfers_per_s = 0;  // as configured; 0 where unknown
  int64_t data_bits = 0;        // without error correction; 0 where unknown
};

// None for an empty slot or a table that is too short.
std::optional<MemoryModule> parse_memory_device(std::span<const uint8_t> table);

// All modules; none where the table is not readable.
std::vector<MemoryModule> memory_modules(const std::string& root = "/sys/firmware/dmi/entries");

}  // namespace membound::cpu

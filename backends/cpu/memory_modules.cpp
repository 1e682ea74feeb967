// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/memory_modules.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

namespace membound::cpu {
namespace {

namespace fs = std::filesystem;

// Fields of a type 17 structure: offsets in bytes, little endian.
constexpr size_t kDataWidth = 0x0a, kSize = 0x0c, kLocator = 0x10, kType = 0x12;
constexpr size_t kExtendedSize = 0x1c, kConfiguredSpeed = 0x20, kExtendedConfiguredSpeed = 0x58;
constexpr uint64_t kSizeIsExtended = 0x7fff, kUnknown = 0xffff;
constexpr uint64_t kSizeInKibibytes = 0x8000;

class Fields {
 public:
  explicit Fields(std::span<const uint8_t> table)
      : table_(table), length_(std::min<size_t>(table.size() > 1 ? table[1] : 0, table.size())) {}

  // 0 for a field that this table is too short for.
  uint64_t number(size_t offset, size_t bytes) const {
    if (offset + bytes > length_) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value |= uint64_t{table_[offset + i]} << (8 * i);
    return value;
  }

  // Strings follow the fields, each ended by a zero, and are counted from one.
  std::string text(size_t offset) const {
    auto at = table_.begin() + static_cast<std::ptrdiff_t>(length_);
    for (uint64_t left = number(offset, 1); left > 0 && at != table_.end(); --left) {
      const auto end = std::find(at, table_.end(), uint8_t{0});
      if (left == 1) return {at, end};
      at = end == table_.end() ? end : end + 1;
    }
    return "";
  }

 private:
  std::span<const uint8_t> table_;
  size_t length_;
};

std::string type_name(uint64_t code) {
  static const std::map<uint64_t, std::string> names = {
      {0x18, "DDR3"}, {0x1a, "DDR4"}, {0x1e, "LPDDR4"}, {0x20, "HBM"},
      {0x21, "HBM2"}, {0x22, "DDR5"}, {0x23, "LPDDR5"}, {0x24, "HBM3"}};
  const auto found = names.find(code);
  return found == names.end() ? "unknown" : found->second;
}

int64_t size_bytes(const Fields& fields) {
  const uint64_t size = fields.number(kSize, 2);
  if (size == kUnknown) return 0;
  if (size == kSizeIsExtended) {
    return static_cast<int64_t>((fields.number(kExtendedSize, 4) & 0x7fffffff) << 20);
  }
  const bool kibibytes = (size & kSizeInKibibytes) != 0;
  return static_cast<int64_t>((size & 0x7fff) << (kibibytes ? 10 : 20));
}

int64_t transfers_per_s(const Fields& fields) {
  uint64_t mega = fields.number(kConfiguredSpeed, 2);
  if (mega == kUnknown) mega = fields.number(kExtendedConfiguredSpeed, 4) & 0x7fffffff;
  return static_cast<int64_t>(mega) * 1'000'000;
}

}  // namespace

std::optional<MemoryModule> parse_memory_device(std::span<const uint8_t> table) {
  constexpr uint8_t kMemoryDevice = 17;
  if (table.size() < 4 || table[0] != kMemoryDevice) return std::nullopt;
  const Fields fields(table);
  const uint64_t width = fields.number(kDataWidth, 2);
  MemoryModule found{.locator = fields.text(kLocator),
                     .type = type_name(fields.number(kType, 1)),
                     .bytes = size_bytes(fields),
                     .transfers_per_s = transfers_per_s(fields),
                     .data_bits = width == kUnknown ? 0 : static_cast<int64_t>(width)};
  if (found.bytes == 0) return std::nullopt;
  return found;
}

std::vector<MemoryModule> memory_modules(const std::string& root) {
  std::vector<MemoryModule> modules;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    if (entry.path().filename().string().rfind("17-", 0) != 0) continue;
    std::ifstream file(entry.path() / "raw", std::ios::binary);
    const std::vector<uint8_t> table{std::istreambuf_iterator<char>(file), {}};
    if (auto found = parse_memory_device(table)) modules.push_back(*found);
  }
  std::sort(modules.begin(), modules.end(),
            [](const auto& a, const auto& b) { return a.locator < b.locator; });
  return modules;
}

}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
#include "benches/model/file_text.h"

#include <cstdint>

namespace membound {
namespace {

constexpr size_t kLongestQuote = 64;

struct Form {
  uint8_t mask, lead;  // of the first byte
  int following;
  uint32_t smallest;  // below it a shorter form would do
};

constexpr Form kForms[] = {
    {0x80, 0x00, 0, 0}, {0xE0, 0xC0, 1, 0x80}, {0xF0, 0xE0, 2, 0x800}, {0xF8, 0xF0, 3, 0x10000}};

// Bytes of the character that `text` begins with; 0 where it is none.
size_t character(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  for (const Form& form : kForms) {
    if ((byte(0) & form.mask) != form.lead) continue;
    const size_t size = 1 + static_cast<size_t>(form.following);
    if (text.size() < size) return 0;
    uint32_t code = byte(0) & static_cast<uint8_t>(~form.mask);
    for (size_t i = 1; i < size; ++i) {
      if ((byte(i) & 0xC0) != 0x80) return 0;
      code = code << 6 | (byte(i) & 0x3Fu);
    }
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < form.smallest || surrogate || code > 0x10FFFF ? 0 : size;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string in_quotes(std::string_view text) {
  std::string line = "'";
  for (const char c : text.substr(0, kLongestQuote)) line += c >= ' ' && c <= '~' ? c : '?';
  return line + (text.size() > kLongestQuote ? "...'" : "'");
}

}  // namespace membound

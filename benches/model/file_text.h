// SPDX-License-Identifier: Apache-2.0
// Text out of files that may hold anything.
#pragma once

#include <string>
#include <string_view>

namespace membound {

bool is_utf8(std::string_view text);

// For messages: in quotes, one short line, whatever the bytes are.
std::string in_quotes(std::string_view text);

}  // namespace membound

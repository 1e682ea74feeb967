// SPDX-License-Identifier: Apache-2.0
// What every fuzz target demands: bad input is an InputError of one line, and nothing else happens.
#pragma once

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "backends/error.h"

namespace membound {

template <typename Body>
void only_input_errors(Body body) {
  try {
    body();
  } catch (const InputError& error) {
    if (std::strpbrk(error.what(), "\r\n") != nullptr) std::abort();
  }
}

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// Errors inside one module or the executable: thrown with expression, file and line; turned into a
// Status where they would cross the seam.
#pragma once

#include <cstdio>
#include <new>
#include <stdexcept>
#include <string>

#include "backends/backend.h"

namespace membound {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what, StatusCode code = kFailed)
      : std::runtime_error(what), code_(code) {}
  StatusCode code() const { return code_; }

 private:
  StatusCode code_;
};

// Bad input from outside (flags, files): one line, exit code 3.
class InputError : public Error {
 public:
  using Error::Error;
};

[[noreturn]] inline void raise(const char* expression, const char* file, int line,
                               const std::string& message, StatusCode code = kFailed) {
  throw Error(message + " [" + expression + " at " + file + ":" + std::to_string(line) + "]", code);
}

#define MEMBOUND_CHECK(expression, message) \
  ((expression) ? void() : ::membound::raise(#expression, __FILE__, __LINE__, message))

// Runs `body`; an exception becomes the status.
template <typename Body>
void guard(Status* status, Body body) noexcept {
  const auto fail = [status](StatusCode code, const char* what) {
    status->code = code;
    std::snprintf(status->message, sizeof status->message, "%s", what);
  };
  try {
    body();
  } catch (const Error& error) {
    fail(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    fail(kOutOfMemory, "out of host memory");
  } catch (const std::exception& error) {
    fail(kFailed, error.what());
  }
}

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// A vendor's library, opened at run time: it may be absent, or lack functions that came later.
#pragma once

#include <dlfcn.h>

#include <string>

namespace membound::gpu {

class Library {
 public:
  explicit Library(const std::string& name) : handle_(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) reason_ = dlerror();
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  // Never closed: such libraries keep threads.

  // Why it could not be opened; empty where it was.
  const std::string& reason() const { return reason_; }

  // Null where there is no such function.
  template <typename Function>
  Function* function(const char* name) const {
    return handle_ == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(handle_, name));
  }

 private:
  void* handle_;
  std::string reason_;
};

}  // namespace membound::gpu

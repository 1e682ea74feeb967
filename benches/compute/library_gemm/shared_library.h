// SPDX-License-Identifier: Apache-2.0
// A library that may be on the machine or not: opened at run time, so that the module needs none.
#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <string>
#include <vector>

#include "backends/cpu/kernel.h"

namespace membound::cpu {

class SharedLibrary {
 public:
  // The first of `names` that opens; reason() is empty then.
  explicit SharedLibrary(const std::vector<std::string>& names) {
    for (const auto& name : names) {
      handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle_ != nullptr) {
        reason_.clear();
        return;
      }
      reason_ += (reason_.empty() ? "" : "; ") + std::string(dlerror());
    }
  }

  // Null where neither it nor a library that it needs has the function.
  template <typename Function>
  Function* optional(const char* name) const {
    return handle_ == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(handle_, name));
  }

  // Null, and a reason, where the library lacks the function.
  template <typename Function>
  void find(Function*& function, const char* name) {
    function = optional<Function>(name);
    if (function == nullptr && handle_ != nullptr) reason_ += std::string("no ") + name + "; ";
  }

  const std::string& reason() const { return reason_; }
  void refuse(const std::string& reason) { reason_ += reason; }

 private:
  void* handle_ = nullptr;
  std::string reason_;
};

// The kernels library_gemm/describe/*: buffer 0 text, 1 int32: 1 where the library can be used; the
// text is its version then, the reason otherwise. n: 0 bytes of the text.
inline void describe(const Args& args, bool usable, const std::string& text) {
  std::snprintf(pointer<char>(args, 0), args.n[0], "%s", text.c_str());
  *pointer<int32_t>(args, 1) = usable ? 1 : 0;
}

}  // namespace membound::cpu

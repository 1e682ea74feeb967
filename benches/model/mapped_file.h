// SPDX-License-Identifier: Apache-2.0
// A file mapped into memory for reading only, closed with its last copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace membound {

// A view of bytes that somebody else owns.
struct Bytes {
  const uint8_t* data;
  size_t size;
};

// One who cuts the file short while it is mapped ends the process by SIGBUS; nothing can be done
// about that here.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);  // throws InputError
  Bytes bytes() const { return {mapping_.get(), size_}; }

 private:
  std::shared_ptr<const uint8_t> mapping_;
  size_t size_ = 0;
};

}  // namespace membound

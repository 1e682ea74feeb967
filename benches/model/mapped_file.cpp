// SPDX-License-Identifier: Apache-2.0
#include "benches/model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "backends/error.h"

namespace membound {
namespace {

class Descriptor {
 public:
  // Not blocking: opening a FIFO would wait for a writer.
  explicit Descriptor(const std::string& path)
      : value_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file(path);
  struct stat info {};
  if (file.get() < 0 || fstat(file.get(), &info) != 0) {
    throw InputError(path + ": " + std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) throw InputError(path + ": not a regular file");
  if (info.st_size == 0) throw InputError(path + ": the file is empty");
  size_ = static_cast<size_t>(info.st_size);
  void* address = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) throw InputError(path + ": can't be mapped: " + std::strerror(errno));
  mapping_ = {static_cast<const uint8_t*>(address),
              [size = size_](const uint8_t* p) { munmap(const_cast<uint8_t*>(p), size); }};
}

}  // namespace membound

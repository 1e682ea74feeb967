// SPDX-License-Identifier: Apache-2.0
#include "benches/harness/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "backends/error.h"

namespace membound {

Journal::Journal(const std::string& path) {
  if (path.empty()) return;
  file_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) {
    throw InputError("--out=" + path + ": " + std::strerror(errno) +
                     "; name a file in a folder that can be written");
  }
}

Journal::~Journal() {
  if (file_ >= 0) close(file_);
}

void Journal::write(const nlohmann::json& line) {
  if (file_ < 0) return;
  // Bytes that are no UTF-8 (a host's name, say) must not lose the line.
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const std::lock_guard lock(mutex_);
  const char* next = text.data();
  for (size_t left = text.size(); left > 0;) {
    const ssize_t written = ::write(file_, next, left);
    if (written < 0 && errno == EINTR) continue;
    MEMBOUND_CHECK(written > 0,
                   std::string("the journal can't be written: ") + std::strerror(errno));
    next += written;
    left -= static_cast<size_t>(written);
  }
}

}  // namespace membound

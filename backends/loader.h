// SPDX-License-Identifier: Apache-2.0
// Finds backend modules, opens them and wraps their tables in classes that throw and clean up.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/error.h"

namespace membound {

// One module, opened or not. Modules are never closed: their threads may outlive any use.
struct Backend {
  std::string name;  // of the backend, or of the file where it could not be opened
  std::string path;
  std::string reason;               // why it is absent or has no device; empty otherwise
  const BackendApi* api = nullptr;  // null: not loaded
  int32_t device_count = 0;
};

// Every module in `folder` (*.so, by name), opened with RTLD_NOW | RTLD_LOCAL. Never throws for a
// module that can't be used: its Backend says why. Throws InputError if the folder can't be read.
std::vector<Backend> load_backends(const std::string& folder);

class Device;

// Memory of a device; move-only.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Device* device, void* data, int64_t bytes)
      : device_(device), data_(data), bytes_(bytes) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer();

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  char* at(int64_t offset_bytes) const { return static_cast<char*>(data_) + offset_bytes; }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }
  const Device* device_ = nullptr;
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

// One sample: what measure() filled, per run of the program.
struct Sample {
  double seconds;  // per run
  Telemetry telemetry;
  std::string limit = {};     // Measurement's
  int32_t compute_units = 0;  // Measurement's
};

// A device of a loaded backend. Every method throws Error with the backend's message.
class Device {
 public:
  Device(const Backend& backend, int32_t index);

  // As it was when the device was opened; query() asks again.
  const DeviceInfo& info() const { return *info_; }
  DeviceInfo query() const;
  std::string id() const { return info_->id; }
  int32_t index() const { return index_; }  // within its backend
  bool same_backend(const Device& other) const { return api_ == other.api_; }
  Buffer alloc(int64_t bytes, MemoryKind kind = kDeviceMemory, int32_t domain = -1) const;
  void copy(void* target, const void* source, int64_t bytes) const;
  // Null where the backend has no such kernel.
  const void* find_kernel(const std::string& name) const { return api_->find_kernel(name.c_str()); }
  // As above, but throws.
  const void* need_kernel(const std::string& name) const;
  // The kernels that do what `name` does, each in a way of its own, called `name/key:value...`;
  // where there are none, `name` alone.
  std::vector<std::string> variants(const std::string& name) const;
  // plan.samples samples of one program on this device.
  std::vector<Sample> measure(const Program& program, const Plan& plan) const;
  // Programs that run together, on devices of this device's backend; seconds of the slowest.
  std::vector<Sample> measure(std::span<const Placed> placed, const Plan& plan) const;
  // Runs the program once over buffer set 0.
  void run(const Program& program) const;

  // The host's copy of device memory.
  template <typename T>
  std::vector<T> to_host(const void* source, int64_t count) const {
    std::vector<T> host(count);
    copy(host.data(), source, count * static_cast<int64_t>(sizeof(T)));
    return host;
  }

 private:
  friend class Buffer;
  const BackendApi* api_;
  int32_t index_;
  std::shared_ptr<DeviceInfo> info_;
};

// All devices of the loaded backends whose id is among `ids` (all where `ids` is empty). Throws
// InputError for an id that is not there.
std::vector<Device> open_devices(const std::vector<Backend>& backends,
                                 const std::vector<std::string>& ids);

}  // namespace membound

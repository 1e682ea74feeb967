// SPDX-License-Identifier: Apache-2.0
#include "backends/loader.h"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>

namespace membound {
namespace {

namespace fs = std::filesystem;

Backend open_backend(const fs::path& path) {
  Backend backend{.name = path.stem().string(), .path = path.string()};
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    backend.reason = dlerror();
    return backend;
  }
  const auto entry = reinterpret_cast<MemboundBackendFunction>(dlsym(module, "membound_backend"));
  if (entry == nullptr) {
    backend.reason = "not a membound backend: it exports no membound_backend()";
    return backend;
  }
  const BackendApi* api = entry();
  if (api == nullptr || api->abi != kAbi) {
    backend.reason = "built for seam version " + std::to_string(api == nullptr ? 0 : api->abi) +
                     ", this program has " + std::to_string(kAbi) + "; build both from one source";
    return backend;
  }
  backend.api = api;
  backend.name = api->name;
  const char* why_none = "";
  backend.device_count = api->device_count(&why_none);
  if (backend.device_count == 0) backend.reason = why_none;
  return backend;
}

void throw_if(const Status& status, const std::string& where) {
  if (status.code != kOk) {
    throw Error(where + ": " + status.message, static_cast<StatusCode>(status.code));
  }
}

}  // namespace

std::vector<Backend> load_backends(const std::string& folder) {
  std::vector<fs::path> modules;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".so") modules.push_back(entry.path());
  }
  if (error) {
    throw InputError("no backends in " + folder + ": " + error.message() +
                     "; name their folder with --backends=DIR");
  }
  std::sort(modules.begin(), modules.end());
  std::vector<Backend> backends;
  for (const auto& path : modules) backends.push_back(open_backend(path));
  return backends;
}

Buffer::~Buffer() {
  if (data_ != nullptr) device_->api_->release(device_->index_, data_);
}

Device::Device(const Backend& backend, int32_t index)
    : api_(backend.api), index_(index), info_(std::make_shared<DeviceInfo>(query())) {}

DeviceInfo Device::query() const {
  DeviceInfo info{};
  Status status;
  api_->device_info(index_, &info, &status);
  throw_if(status, std::string(api_->name) + ":" + std::to_string(index_));
  return info;
}

Buffer Device::alloc(int64_t bytes, MemoryKind kind, int32_t domain) const {
  Status status;
  void* data = api_->alloc(index_, bytes, kind, domain, &status);
  throw_if(status, id() + ": " + std::to_string(bytes) + " bytes");
  return Buffer(this, data, bytes);
}

void Device::copy(void* target, const void* source, int64_t bytes) const {
  Status status;
  api_->copy(index_, target, source, bytes, &status);
  throw_if(status, id());
}

const void* Device::need_kernel(const std::string& name) const {
  const void* kernel = find_kernel(name);
  if (kernel == nullptr) throw Error("no kernel " + name + " for " + id(), kUnsupported);
  return kernel;
}

std::vector<std::string> Device::variants(const std::string& name) const {
  std::vector<std::string> found;
  for (int32_t i = 0; api_->kernel_name(i) != nullptr; ++i) {
    const std::string other = api_->kernel_name(i);
    if (other.rfind(name + "/", 0) != 0) continue;
    const size_t begin = name.size() + 1;
    const std::string key = other.substr(begin, other.find('/', begin) - begin);
    if (key.find(':') != std::string::npos) found.push_back(other);
  }
  if (found.empty()) found.push_back(name);
  return found;
}

std::vector<Sample> Device::measure(std::span<const Placed> placed, const Plan& plan) const {
  std::vector<double> seconds(plan.samples);
  std::vector<Telemetry> telemetry(plan.samples);
  Measurement out{.seconds = seconds.data(), .telemetry = telemetry.data()};
  Status status;
  api_->measure(placed.data(), static_cast<int32_t>(placed.size()), &plan, &out, &status);
  throw_if(status, id());
  std::vector<Sample> samples;
  for (int32_t i = 0; i < out.samples; ++i) {
    samples.push_back(
        {seconds[i] / static_cast<double>(plan.runs), telemetry[i], out.limit, out.compute_units});
  }
  return samples;
}

std::vector<Sample> Device::measure(const Program& program, const Plan& plan) const {
  const Placed placed{.device = index_, .program = &program, .stream = 0};
  return measure(std::span(&placed, 1), plan);
}

void Device::run(const Program& program) const {
  measure(program, {.runs = 1, .samples = 1, .rotation = 1, .first_set = 0, .compute_units = 0});
}

std::vector<Device> open_devices(const std::vector<Backend>& backends,
                                 const std::vector<std::string>& ids) {
  std::vector<Device> devices;
  std::string known;
  for (const auto& backend : backends) {
    for (int32_t i = 0; i < backend.device_count; ++i) {
      Device device(backend, i);
      known += (known.empty() ? "" : ", ") + device.id();
      if (ids.empty() || std::find(ids.begin(), ids.end(), device.id()) != ids.end()) {
        devices.push_back(device);
      }
    }
  }
  for (const auto& id : ids) {
    if (std::none_of(devices.begin(), devices.end(),
                     [&](const Device& device) { return device.id() == id; })) {
      throw InputError("no device " + id + " here; there is: " + (known.empty() ? "none" : known) +
                       " (`--list` says why others are absent)");
    }
  }
  return devices;
}

}  // namespace membound

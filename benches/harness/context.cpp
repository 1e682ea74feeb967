// SPDX-License-Identifier: Apache-2.0
#include "benches/harness/context.h"

#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>

#include "benches/harness/build_info.h"
#include "benches/harness/paper.h"

namespace membound {
namespace {

using nlohmann::json;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

std::string operating_system() {
  utsname names{};
  uname(&names);
  return std::string(names.sysname) + " " + names.release + " " + names.machine;
}

// The CPU tells that there is a hypervisor, the firmware's tables which one.
std::string virtualisation() {
  std::ifstream cpu("/proc/cpuinfo");
  bool hypervisor = false;
  for (std::string line; !hypervisor && std::getline(cpu, line);) {
    hypervisor = line.rfind("flags", 0) == 0 && line.find(" hypervisor") != std::string::npos;
  }
  if (!hypervisor) return "none seen";
  std::ifstream vendor("/sys/class/dmi/id/sys_vendor");
  std::string name;
  std::getline(vendor, name);
  return "virtual machine" + (name.empty() ? std::string() : " (" + name + ")");
}

// The catalogue has rows for real ones.
bool is_accelerator(const DeviceInfo& info) {
  return info.emulated == 0 && std::string(info.id).rfind("cpu:", 0) != 0;
}

std::string suite_name(Suite suite) {
  return suite == Suite::kCeilings ? "ceilings" : suite == Suite::kSteps ? "steps" : "all";
}

}  // namespace

json backends_json(const std::vector<Backend>& backends) {
  json list = json::array();
  for (const auto& backend : backends) {
    const bool loaded = backend.api != nullptr;
    list.push_back(
        {{"name", backend.name},
         {"loaded", loaded},
         {"devices", backend.device_count},
         {"reason", backend.reason},
         {"path", backend.path},
         {"architectures",
          loaded ? json::parse(backend.api->architectures, nullptr, false) : json::object()}});
  }
  return list;
}

json device_json(const DeviceInfo& info) {
  json details = json::parse(info.details, nullptr, false);
  return {{"id", info.id},
          {"name", info.name},
          {"architecture", info.architecture},
          {"emulated", info.emulated != 0},
          {"compute_units", info.compute_units},
          {"unit_threads", info.unit_threads},
          {"fetches_stores", info.fetches_stores != 0},
          {"memory_domains", info.memory_domains},
          {"llc_bytes", info.llc_bytes},
          {"memory_bytes", info.memory_bytes},
          {"memory_free_bytes", info.memory_free_bytes},
          {"timer_tick_seconds", info.timer_tick_seconds},
          {"details", details.is_object() ? details : json::object()}};
}

json header_json(const Options& options, const std::vector<Backend>& backends,
                 const std::vector<Device>& devices, const std::vector<std::string>& command) {
  json device_list = json::array();
  for (const auto& device : devices) {
    json entry = device_json(device.info());
    if (is_accelerator(device.info())) {
      entry["details"].update(paper_figures_from(options.catalogue_folder, device.info().name,
                                                 device.info().memory_bytes));
    }
    device_list.push_back(entry);
  }
  return {{"type", "header"},
          {"schema", 1},
          {"process", suite_name(options.suite)},
          {"index", options.process_index},
          {"started_at", utc_now()},
          {"program", "membound-bench"},
          {"version", kVersion},
          {"git_revision", kGitRevision},
          {"compiler", kCompiler},
          {"flags", kFlags},
          {"glibc", gnu_get_libc_version()},
          {"hostname", host_name()},
          {"os", operating_system()},
          {"virtualisation", virtualisation()},
          {"command", command},
          {"model", options.model ? to_json(*options.model) : json()},
          {"types", to_json(options.types)},
          {"profile", options.profile},
          {"backends", backends_json(backends)},
          {"devices", device_list}};
}

}  // namespace membound

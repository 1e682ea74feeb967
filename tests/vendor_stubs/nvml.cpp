// SPDX-License-Identifier: Apache-2.0
// Answers as NVML does for one device at 0000:3b:00.0. MEMBOUND_STUB_OLD: a version without MIG and
// with errors; MEMBOUND_STUB_REFUSES: one whose driver is not there.
#include <cstring>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {
int device;
constexpr int kNotSupported = 3, kNotFound = 6, kDriverNotLoaded = 9;
}  // namespace

EXPORT const char* nvmlErrorString(int result) {
  switch (result) {
    case kNotSupported:
      return "Not Supported";
    case kNotFound:
      return "Not Found";
    case kDriverNotLoaded:
      return "Driver Not Loaded";
    default:
      return "Unknown Error";
  }
}
EXPORT int nvmlInit_v2() {
#ifdef MEMBOUND_STUB_REFUSES
  return kDriverNotLoaded;
#else
  return 0;
#endif
}
EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char* id, void** out) {
  *out = &device;
  return std::strcmp(id, "0000:3b:00.0") == 0 ? 0 : kNotFound;
}
EXPORT int nvmlDeviceGetClockInfo(void*, unsigned type, unsigned* megahertz) {
  *megahertz = type == 1 ? 1755 : 3201;
  return 0;
}
EXPORT int nvmlDeviceGetMaxClockInfo(void*, unsigned type, unsigned* megahertz) {
  *megahertz = type == 1 ? 1980 : 3201;
  return 0;
}
EXPORT int nvmlDeviceGetEnforcedPowerLimit(void*, unsigned* milliwatts) {
  *milliwatts = 700000;
  return 0;
}
EXPORT int nvmlDeviceGetPowerUsage(void*, unsigned* milliwatts) {
  *milliwatts = 512500;
  return 0;
}
EXPORT int nvmlDeviceGetTemperature(void*, unsigned sensor, unsigned* celsius) {
  *celsius = 61;
  return sensor == 0 ? 0 : kNotSupported;
}
EXPORT int nvmlDeviceGetEccMode(void*, unsigned* now, unsigned* later) {
  *now = 1;
  *later = 0;
#ifdef MEMBOUND_STUB_OLD
  return kNotSupported;
#else
  return 0;
#endif
}
#ifdef MEMBOUND_STUB_OLD
EXPORT int nvmlDeviceGetCurrentClocksEventReasons(void*, unsigned long long* reasons) {
  *reasons = 0x1;
  return 0;
}
#else
EXPORT int nvmlDeviceGetCurrentClocksThrottleReasons(void*, unsigned long long* reasons) {
  *reasons = 0x4 | 0x40;
  return 0;
}
EXPORT int nvmlDeviceGetMigMode(void*, unsigned* now, unsigned* later) {
  *now = 0;
  *later = 1;
  return 0;
}
EXPORT int nvmlDeviceGetMemoryBusWidth(void*, unsigned* bits) {
  *bits = 6144;
  return 0;
}
EXPORT int nvmlDeviceGetPersistenceMode(void*, unsigned* mode) {
  *mode = 1;
  return 0;
}
#endif

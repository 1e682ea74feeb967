// SPDX-License-Identifier: Apache-2.0
// Answers as rocm-smi does for two devices, the second at 0000:83:00.0 and with a partition's
// number in its id. MEMBOUND_STUB_OLD: without the average power that later parts lack too.
#include <cstdint>
#include <cstdio>

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int rsmi_init(uint64_t) { return 0; }
EXPORT int rsmi_status_string(int status, const char** text) {
  *text = status == 2 ? "not supported" : "unknown";
  return 0;
}
EXPORT int rsmi_num_monitor_devices(uint32_t* count) {
  *count = 2;
  return 0;
}
EXPORT int rsmi_dev_pci_id_get(uint32_t index, uint64_t* id) {
  *id = index == 0 ? 0x0300 : 0x8300 | uint64_t{1} << 28;
  return 0;
}
EXPORT int rsmi_dev_power_cap_get(uint32_t index, uint32_t, uint64_t* microwatts) {
  *microwatts = index == 1 ? 750000000 : 0;
  return 0;
}
#ifdef MEMBOUND_STUB_OLD
EXPORT int rsmi_dev_power_get(uint32_t, uint64_t* microwatts, int* kind) {
  *microwatts = 402000000;
  *kind = 1;
  return 0;
}
#else
EXPORT int rsmi_dev_power_ave_get(uint32_t, uint32_t, uint64_t* microwatts) {
  *microwatts = 401000000;
  return 0;
}
EXPORT int rsmi_dev_memory_partition_get(uint32_t, char* text, uint32_t length) {
  std::snprintf(text, length, "NPS1");
  return 0;
}
EXPORT int rsmi_dev_compute_partition_get(uint32_t, char*, uint32_t) { return 2; }
#endif
EXPORT int rsmi_dev_temp_metric_get(uint32_t, uint32_t sensor, int metric, int64_t* millicelsius) {
  *millicelsius = sensor == 1 && metric == 0 ? 58000 : 0;
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/topology.h"

#include <hwloc.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "backends/cpu/cgroup.h"
#include "backends/error.h"

namespace membound::cpu {
namespace {

// The topology restricted to what the process may use, loaded once.
hwloc_topology_t topology() {
  static const hwloc_topology_t loaded = [] {
    hwloc_topology_t fresh;
    MEMBOUND_CHECK(hwloc_topology_init(&fresh) == 0, "hwloc can't start");
    MEMBOUND_CHECK(hwloc_topology_load(fresh) == 0, "hwloc can't read this machine's topology");
    // hwloc knows cgroup limits but not the affinity mask that taskset or Slurm set.
    hwloc_bitmap_t mask = hwloc_bitmap_alloc();
    if (hwloc_get_cpubind(fresh, mask, HWLOC_CPUBIND_PROCESS) == 0 && !hwloc_bitmap_iszero(mask)) {
      hwloc_topology_restrict(fresh, mask, 0);
    }
    hwloc_bitmap_free(mask);
    return fresh;
  }();
  return loaded;
}

hwloc_obj_t memory_domain(int32_t index) {
  const hwloc_obj_t domain = hwloc_get_obj_by_type(topology(), HWLOC_OBJ_NUMANODE, index);
  MEMBOUND_CHECK(domain != nullptr, "there is no memory domain " + std::to_string(index));
  return domain;
}

}  // namespace

int32_t allowed_cores() {
  return std::max(1, hwloc_get_nbobjs_by_type(topology(), HWLOC_OBJ_CORE));
}

int32_t allowed_hardware_threads() {
  return std::max(1, hwloc_get_nbobjs_by_type(topology(), HWLOC_OBJ_PU));
}

int32_t core_count(int32_t domain) {
  static const double quota = cgroup_limits().cores;
  if (domain < 0) {
    // More threads than a quota pays for would be stopped in the middle of each period.
    return std::max(1, static_cast<int32_t>(std::min<double>(quota, allowed_cores())));
  }
  return hwloc_get_nbobjs_inside_cpuset_by_type(topology(), memory_domain(domain)->cpuset,
                                                HWLOC_OBJ_CORE);
}

std::vector<Cache> caches() {
  std::vector<Cache> found;
  for (int level = 1; level <= 5; ++level) {
    const int depth = hwloc_get_cache_type_depth(topology(), level, HWLOC_OBJ_CACHE_DATA);
    if (depth < 0) continue;
    const int count = hwloc_get_nbobjs_by_depth(topology(), depth);
    if (count == 0) continue;
    const auto* attributes = hwloc_get_obj_by_depth(topology(), depth, 0)->attr;
    found.push_back({level, static_cast<int64_t>(attributes->cache.size), count});
  }
  return found;
}

int32_t domain_count() {
  return std::max(1, hwloc_get_nbobjs_by_type(topology(), HWLOC_OBJ_NUMANODE));
}

void bind_memory(void* data, int64_t bytes, int32_t domain) {
  const int flags = HWLOC_MEMBIND_BYNODESET | HWLOC_MEMBIND_STRICT;
  if (hwloc_set_area_membind(topology(), data, bytes, memory_domain(domain)->nodeset,
                             HWLOC_MEMBIND_BIND, flags) != 0) {
    raise("hwloc_set_area_membind", __FILE__, __LINE__, std::strerror(errno), kUnsupported);
  }
}

void bind_thread(int32_t index, int32_t domain) {
  const hwloc_obj_t core =
      domain < 0 ? hwloc_get_obj_by_type(topology(), HWLOC_OBJ_CORE, index)
                 : hwloc_get_obj_inside_cpuset_by_type(topology(), memory_domain(domain)->cpuset,
                                                       HWLOC_OBJ_CORE, index);
  if (core == nullptr) return;  // a machine that shows no cores: leave placement to the kernel
  hwloc_bitmap_t set = hwloc_bitmap_dup(core->cpuset);
  hwloc_bitmap_singlify(set);
  hwloc_set_cpubind(topology(), set, HWLOC_CPUBIND_THREAD);
  hwloc_bitmap_free(set);
}

}  // namespace membound::cpu

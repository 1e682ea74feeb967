// SPDX-License-Identifier: Apache-2.0
// Green contexts: streams of a part of the SMs, from CUDA 12.4 and a driver of that age on.
#include "backends/gpu/limit.h"

#include <cuda.h>

#include <map>
#include <tuple>

#include "backends/gpu/library.h"

namespace membound::gpu {
namespace {

#if CUDA_VERSION >= 12040

// The driver's functions, which no library of the runtime has.
struct Driver {
  Library library{"libcuda.so.1"};
  decltype(&cuDeviceGet) device_get = find<decltype(cuDeviceGet)>("cuDeviceGet");
  decltype(&cuDeviceGetDevResource) resource_of =
      find<decltype(cuDeviceGetDevResource)>("cuDeviceGetDevResource");
  decltype(&cuDevSmResourceSplitByCount) split =
      find<decltype(cuDevSmResourceSplitByCount)>("cuDevSmResourceSplitByCount");
  decltype(&cuDevResourceGenerateDesc) describe =
      find<decltype(cuDevResourceGenerateDesc)>("cuDevResourceGenerateDesc");
  decltype(&cuGreenCtxCreate) create = find<decltype(cuGreenCtxCreate)>("cuGreenCtxCreate");
  decltype(&cuGreenCtxStreamCreate) make_stream =
      find<decltype(cuGreenCtxStreamCreate)>("cuGreenCtxStreamCreate");

  template <typename Function>
  Function* find(const char* name) const {
    return library.function<Function>(name);
  }
  bool complete() const {
    return device_get != nullptr && resource_of != nullptr && split != nullptr &&
           describe != nullptr && create != nullptr && make_stream != nullptr;
  }
};

LimitedStream make(int32_t device, int32_t compute_units) {
  static const Driver* const driver = new Driver;
  if (!driver->complete()) return {.means = "this driver has no green contexts"};
  const auto failed = [](const char* step, CUresult result) {
    return LimitedStream{.means = std::string("no green context: ") + step + " failed with error " +
                                  std::to_string(result)};
  };
  CUdevice handle = 0;
  CUdevResource all{}, part{};
  unsigned groups = 1;
  CUdevResourceDesc description = nullptr;
  CUgreenCtx context = nullptr;
  CUstream stream = nullptr;
  if (const auto r = driver->device_get(&handle, device)) return failed("cuDeviceGet", r);
  if (const auto r = driver->resource_of(handle, &all, CU_DEV_RESOURCE_TYPE_SM)) {
    return failed("cuDeviceGetDevResource", r);
  }
  // Finest steps; our kernels have no clusters.
  if (const auto r = driver->split(&part, &groups, &all, nullptr,
                                   CU_DEV_SM_RESOURCE_SPLIT_IGNORE_SM_COSCHEDULING,
                                   static_cast<unsigned>(compute_units))) {
    return failed("cuDevSmResourceSplitByCount", r);
  }
  if (const auto r = driver->describe(&description, &part, 1)) {
    return failed("cuDevResourceGenerateDesc", r);
  }
  if (const auto r = driver->create(&context, description, handle, CU_GREEN_CTX_DEFAULT_STREAM)) {
    return failed("cuGreenCtxCreate", r);
  }
  if (const auto r = driver->make_stream(&stream, context, CU_STREAM_NON_BLOCKING, 0)) {
    return failed("cuGreenCtxStreamCreate", r);
  }
  return {.stream = stream,
          .compute_units = static_cast<int32_t>(part.sm.smCount),
          .means = "green context"};
}

#else

LimitedStream make(int32_t, int32_t) { return {.means = "built by a CUDA before 12.4"}; }

#endif

}  // namespace

LimitedStream limited_stream(int32_t device, int32_t compute_units, int32_t index) {
  static std::map<std::tuple<int32_t, int32_t, int32_t>, LimitedStream> made;
  const auto [found, fresh] = made.try_emplace({device, compute_units, index});
  if (fresh) found->second = make(device, compute_units);
  return found->second;
}

}  // namespace membound::gpu

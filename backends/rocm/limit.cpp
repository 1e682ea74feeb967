// SPDX-License-Identifier: Apache-2.0
// Streams with a mask of compute units.
#include "backends/gpu/limit.h"

#include <map>
#include <tuple>
#include <vector>

namespace membound::gpu {
namespace {

// The driver spreads neighbouring bits over shader engines, so the first ones are as good as any.
LimitedStream make(int32_t compute_units) {
  std::vector<uint32_t> mask((compute_units + 31) / 32, 0);
  for (int32_t i = 0; i < compute_units; ++i) mask[i / 32] |= uint32_t{1} << (i % 32);
  hipStream_t stream = nullptr;
  const hipError_t error =
      hipExtStreamCreateWithCUMask(&stream, static_cast<uint32_t>(mask.size()), mask.data());
  if (error != hipSuccess) {
    (void)hipGetLastError();
    return {.means = std::string("no CU mask: ") + hipGetErrorString(error)};
  }
  return {.stream = stream, .compute_units = compute_units, .means = "CU mask"};
}

}  // namespace

LimitedStream limited_stream(int32_t device, int32_t compute_units, int32_t index) {
  static std::map<std::tuple<int32_t, int32_t, int32_t>, LimitedStream> made;
  const auto [found, fresh] = made.try_emplace({device, compute_units, index});
  if (fresh) found->second = make(compute_units);
  return found->second;
}

}  // namespace membound::gpu

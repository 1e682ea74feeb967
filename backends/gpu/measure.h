// SPDX-License-Identifier: Apache-2.0
// Times programs on streams.
#pragma once

#include <span>
#include <string>

#include "backends/backend.h"
#include "backends/gpu/registry.h"

namespace membound::gpu {

// The device's shape, without a stream; from device.cpp.
Site site_of(int32_t device);

std::string pci_bus_id_of(int32_t device);

// As BackendApi::measure, but throws Error.
void measure(std::span<const Placed> placed, const Plan& plan, Measurement* out);

}  // namespace membound::gpu

// SPDX-License-Identifier: Apache-2.0
// A file's weights on a device.
#pragma once

#include <string>

#include "benches/model/device_weights.h"
#include "benches/model/weights_file.h"

namespace membound {

// One type for the matrices of the layers, one each for embedding and head. Throws InputError that
// names the tensor which differs, or one whose type no kernel reads.
Types file_types(const WeightsFile& file, const std::string& cache, const std::string& where);

// The file's, norms and routers widened to f32; random ones where `file` is null.
DeviceWeights load_weights(const Device& device, const Shape& shape, const Types& types,
                           const WeightsFile* file);

}  // namespace membound

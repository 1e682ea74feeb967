// SPDX-License-Identifier: Apache-2.0
// A model's weights on a device: random ones of its shapes, or a file's (file_weights.h).
#pragma once

#include <string>
#include <vector>

#include "benches/model/reference.h"
#include "benches/model/steps.h"

namespace membound {

// Row `row` of a matrix [rows][columns] of the device, in float64.
reference::Vector weights_row(const Device& device, const void* matrix, int64_t rows,
                              int64_t columns, const std::string& dtype, int64_t row);

// One matrix a role: q, k and v rows together, gate and up together, as engines that fuse those
// matmuls store them; the matrices of experts one after the other.
class DeviceWeights {
 public:
  struct Layer {
    Buffer attn_norm, qkv, o, mlp_norm, gate_up, down;
    Buffer q_norm, k_norm, router;  // empty where the architecture has none
  };
  // Random ones.
  DeviceWeights(const Device& device, const Shape& shape, const Types& types);
  // None yet.
  DeviceWeights(const Shape& shape, const Types& types);

  Buffer embedding, final_norm;
  Buffer own_head;  // empty where it is tied to the embedding
  std::vector<Layer> layers;
  const Buffer& head() const { return own_head.data() == nullptr ? embedding : own_head; }
  // The host's copy in float64, for the reference.
  reference::Weights to_host(const Device& device) const;

 private:
  Shape shape_;
  Types types_;
};

}  // namespace membound

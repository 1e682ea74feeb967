// SPDX-License-Identifier: Apache-2.0
// Types of tensors in files: how many bytes they take, and which can be run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace membound {

// Elements come in blocks that lie along a row; for plain types a block is one element.
struct TensorType {
  const char* name;
  int64_t block_elements;
  int64_t block_bytes;
  int64_t alignment;  // of a block's address, in bytes
  bool runnable;      // some kernel reads it
};

// Null for numbers that no type has, or has no more.
const TensorType* ggml_type(uint32_t number);

// By the names of safetensors, e.g. "BF16". Null if unknown.
const TensorType* safetensors_type(const std::string& name);

// By our name, of either format; null if unknown.
const TensorType* tensor_type(const std::string& name);

// Bytes of a tensor; nothing where a dimension is not positive, rows are not whole blocks, or the
// product exceeds 2^62.
std::optional<int64_t> tensor_bytes(const TensorType& type, const std::vector<int64_t>& shape);

}  // namespace membound

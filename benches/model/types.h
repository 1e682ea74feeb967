// SPDX-License-Identifier: Apache-2.0
// The stored types of a model's tensors: "f32", "f16", "bf16", and GGUF's "q8_0" and "q4_0", whose
// elements share a scale in blocks of 32.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace membound {

struct Shape;

struct Types {
  std::string weights;    // of the matrices in the layers
  std::string embedding;  // one matrix with a tied head, and then of one type
  std::string head;
  std::string cache;  // keys and values; norms are f32

  bool operator==(const Types&) const = default;
};

inline constexpr int64_t kQuantisedBlock = 32;  // elements that share a scale

const std::vector<std::string>& stored_types();
const std::vector<std::string>& cache_types();

bool is_quantised(const std::string& dtype);

// A cache is of the weights' type where it can be, else f16.
std::string default_cache(const std::string& dtype);
// Every matrix of type `dtype`; an empty `cache` is its default.
Types types_of(const std::string& dtype, const std::string& cache = "");

// Of `elements` elements, scales of blocks included; whole blocks only.
int64_t stored_bytes(const std::string& dtype, int64_t elements);

nlohmann::json to_json(const Types& types);

// Throws InputError where rows of the shape's matrices are no whole blocks.
void check_types(const Shape& shape, const Types& types);

}  // namespace membound

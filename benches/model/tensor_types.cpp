// SPDX-License-Identifier: Apache-2.0
#include "benches/model/tensor_types.h"

#include <map>

namespace membound {
namespace {

constexpr int64_t kLargestBytes = int64_t{1} << 62;

// By ggml's number. Gaps are types that GGUF has given up (4, 5, 31 to 33, 36 to 38).
const std::map<uint32_t, TensorType>& ggml_types() {
  static const std::map<uint32_t, TensorType> all = {
      {0, {"f32", 1, 4, 4, true}},          {1, {"f16", 1, 2, 2, true}},
      {2, {"q4_0", 32, 18, 2, true}},       {3, {"q4_1", 32, 20, 2, false}},
      {6, {"q5_0", 32, 22, 2, false}},      {7, {"q5_1", 32, 24, 2, false}},
      {8, {"q8_0", 32, 34, 2, true}},       {9, {"q8_1", 32, 36, 2, false}},
      {10, {"q2_k", 256, 84, 2, false}},    {11, {"q3_k", 256, 110, 2, false}},
      {12, {"q4_k", 256, 144, 2, false}},   {13, {"q5_k", 256, 176, 2, false}},
      {14, {"q6_k", 256, 210, 2, false}},   {15, {"q8_k", 256, 292, 4, false}},
      {16, {"iq2_xxs", 256, 66, 2, false}}, {17, {"iq2_xs", 256, 74, 2, false}},
      {18, {"iq3_xxs", 256, 98, 2, false}}, {19, {"iq1_s", 256, 50, 2, false}},
      {20, {"iq4_nl", 32, 18, 2, false}},   {21, {"iq3_s", 256, 110, 2, false}},
      {22, {"iq2_s", 256, 82, 2, false}},   {23, {"iq4_xs", 256, 136, 2, false}},
      {24, {"i8", 1, 1, 1, false}},         {25, {"i16", 1, 2, 2, false}},
      {26, {"i32", 1, 4, 4, false}},        {27, {"i64", 1, 8, 8, false}},
      {28, {"f64", 1, 8, 8, false}},        {29, {"iq1_m", 256, 56, 2, false}},
      {30, {"bf16", 1, 2, 2, true}},        {34, {"tq1_0", 256, 54, 2, false}},
      {35, {"tq2_0", 256, 66, 2, false}},   {39, {"mxfp4", 32, 17, 1, false}},
      {40, {"nvfp4", 64, 36, 1, false}},    {41, {"q1_0", 128, 18, 2, false}},
      {42, {"q2_0", 64, 18, 2, false}},
  };
  return all;
}

// Two f4 share a byte and four f6 share three.
const std::map<std::string, TensorType>& safetensors_types() {
  static const std::map<std::string, TensorType> all = {
      {"F32", {"f32", 1, 4, 4, true}},          {"F16", {"f16", 1, 2, 2, true}},
      {"BF16", {"bf16", 1, 2, 2, true}},        {"F64", {"f64", 1, 8, 8, false}},
      {"C64", {"c64", 1, 8, 4, false}},         {"I64", {"i64", 1, 8, 8, false}},
      {"U64", {"u64", 1, 8, 8, false}},         {"I32", {"i32", 1, 4, 4, false}},
      {"U32", {"u32", 1, 4, 4, false}},         {"I16", {"i16", 1, 2, 2, false}},
      {"U16", {"u16", 1, 2, 2, false}},         {"I8", {"i8", 1, 1, 1, false}},
      {"U8", {"u8", 1, 1, 1, false}},           {"BOOL", {"bool", 1, 1, 1, false}},
      {"F8_E4M3", {"f8_e4m3", 1, 1, 1, false}}, {"F8_E5M2", {"f8_e5m2", 1, 1, 1, false}},
      {"F8_E8M0", {"f8_e8m0", 1, 1, 1, false}}, {"F6_E2M3", {"f6_e2m3", 4, 3, 1, false}},
      {"F6_E3M2", {"f6_e3m2", 4, 3, 1, false}}, {"F4", {"f4", 2, 1, 1, false}},
  };
  return all;
}

template <typename Map, typename Key>
const TensorType* find(const Map& types, const Key& key) {
  const auto found = types.find(key);
  return found == types.end() ? nullptr : &found->second;
}

}  // namespace

const TensorType* ggml_type(uint32_t number) { return find(ggml_types(), number); }

const TensorType* safetensors_type(const std::string& name) {
  return find(safetensors_types(), name);
}

const TensorType* tensor_type(const std::string& name) {
  for (const auto& [number, type] : ggml_types()) {
    if (name == type.name) return &type;
  }
  for (const auto& [key, type] : safetensors_types()) {
    if (name == type.name) return &type;
  }
  return nullptr;
}

std::optional<int64_t> tensor_bytes(const TensorType& type, const std::vector<int64_t>& shape) {
  int64_t elements = 1;
  for (const int64_t size : shape) {
    if (size <= 0 || __builtin_mul_overflow(elements, size, &elements)) return std::nullopt;
  }
  const int64_t row = shape.empty() ? 1 : shape.back();
  if (row % type.block_elements != 0) return std::nullopt;
  int64_t bytes = 0;
  if (__builtin_mul_overflow(elements / type.block_elements, type.block_bytes, &bytes) ||
      bytes > kLargestBytes) {
    return std::nullopt;
  }
  return bytes;
}

}  // namespace membound

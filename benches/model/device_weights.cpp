// SPDX-License-Identifier: Apache-2.0
#include "benches/model/device_weights.h"

#include <algorithm>
#include <cmath>

#include "benches/harness/workspace.h"

namespace membound {
namespace {

// Keeps activations near one: elements are about 0.31 in root mean square, see random_bits.h. f16
// would lose the smallest of them below 2^-6.
double weight_scale(int64_t fan_in) {
  const double exponent =
      std::round(std::log2(1 / (0.31 * std::sqrt(static_cast<double>(fan_in)))));
  return std::exp2(std::max(exponent, -6.0));
}

// `count` matrices, one after the other, each with the next seed.
Buffer random_buffer(const Device& device, int64_t rows, int64_t columns, const std::string& dtype,
                     uint64_t& seed, double scale, int64_t count = 1) {
  const int64_t bytes = rows * stored_bytes(dtype, columns);
  Buffer buffer = device.alloc(count * bytes);
  for (int64_t i = 0; i < count; ++i) {
    fill_weights(device, buffer.at(i * bytes), rows, columns, dtype, seed++, scale);
  }
  return buffer;
}

reference::Vector widened(const Device& device, const Buffer& buffer, const std::string& dtype,
                          int64_t columns, int64_t count = 1) {
  reference::Vector all;
  const int64_t bytes = buffer.bytes() / count;
  for (int64_t i = 0; i < count; ++i) {
    const auto matrix = reference::widen(device.to_host<uint8_t>(buffer.at(i * bytes), bytes),
                                         dtype, columns, device.info().panel_rows);
    all.insert(all.end(), matrix.begin(), matrix.end());
  }
  return all;
}

}  // namespace

reference::Vector weights_row(const Device& device, const void* matrix, int64_t rows,
                              int64_t columns, const std::string& dtype, int64_t row) {
  const int64_t panel_rows = is_quantised(dtype) ? device.info().panel_rows : 0;
  const int64_t bytes = stored_bytes(dtype, columns);
  // All of its panel, for a row of it is in no one piece.
  const int64_t first = panel_rows > 0 ? row / panel_rows * panel_rows : row;
  const int64_t count = panel_rows > 0 ? std::min(panel_rows, rows - first) : 1;
  const auto values = reference::widen(
      device.to_host<uint8_t>(static_cast<const char*>(matrix) + first * bytes, count * bytes),
      dtype, columns, panel_rows);
  const auto begin = values.begin() + (row - first) * columns;
  return {begin, begin + columns};
}

DeviceWeights::DeviceWeights(const Shape& shape, const Types& types)
    : shape_(shape), types_(types) {
  MEMBOUND_CHECK(!shape.tied || types.head == types.embedding, "a tied head is the embedding");
}

DeviceWeights::DeviceWeights(const Device& device, const Shape& s, const Types& types)
    : DeviceWeights(s, types) {
  uint64_t seed = 100;
  const auto table = [&](int64_t rows, int64_t columns, const std::string& dtype) {
    return random_buffer(device, rows, columns, dtype, seed, weight_scale(columns));
  };
  // As large as what layers add: what tells tokens apart must not drown in what attention, a mean
  // over many of them, makes equal. Routers would send all to the same experts.
  constexpr double kEmbeddingScale = 2;
  const auto matrix = [&](int64_t rows, int64_t columns, int64_t count = 1) {
    return random_buffer(device, rows, columns, types.weights, seed, weight_scale(columns), count);
  };
  const auto norm = [&](int64_t width) {
    return random_buffer(device, 1, width, "f32", seed, 2.0);
  };
  embedding = random_buffer(device, s.vocab, s.hidden, types.embedding, seed, kEmbeddingScale);
  if (!s.tied) own_head = table(s.vocab, s.hidden, types.head);
  final_norm = norm(s.hidden);
  for (int64_t i = 0; i < s.layers; ++i) {
    Layer layer;
    layer.attn_norm = norm(s.hidden);
    layer.qkv = matrix(s.qkv_rows(), s.hidden);
    layer.o = matrix(s.hidden, s.heads * s.head_dim);
    layer.mlp_norm = norm(s.hidden);
    if (s.qk_norm) {
      layer.q_norm = norm(s.head_dim);
      layer.k_norm = norm(s.head_dim);
    }
    if (s.experts > 0) layer.router = table(s.experts, s.hidden, "f32");
    // Experts follow one another.
    layer.gate_up = matrix(2 * s.inner(), s.hidden, s.mlps());
    layer.down = matrix(s.hidden, s.inner(), s.mlps());
    layers.push_back(std::move(layer));
  }
}

reference::Weights DeviceWeights::to_host(const Device& device) const {
  const Shape& s = shape_;
  const auto matrix = [&](const Buffer& buffer, int64_t columns, int64_t count = 1) {
    return widened(device, buffer, types_.weights, columns, count);
  };
  const auto floats = [&](const Buffer& buffer) {
    return buffer.data() == nullptr ? reference::Vector() : widened(device, buffer, "f32", 1);
  };
  reference::Weights host;
  host.embedding = widened(device, embedding, types_.embedding, s.hidden);
  host.head = widened(device, head(), types_.head, s.hidden);
  host.final_norm = floats(final_norm);
  for (const auto& layer : layers) {
    host.layers.push_back({.attn_norm = floats(layer.attn_norm),
                           .qkv = matrix(layer.qkv, s.hidden),
                           .q_norm = floats(layer.q_norm),
                           .k_norm = floats(layer.k_norm),
                           .o = matrix(layer.o, s.heads * s.head_dim),
                           .mlp_norm = floats(layer.mlp_norm),
                           .router = floats(layer.router),
                           .gate_up = matrix(layer.gate_up, s.hidden, s.mlps()),
                           .down = matrix(layer.down, s.inner(), s.mlps())});
  }
  return host;
}

}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// Matmul on units that multiply bf16 and add in f32. Activations, and f16 weights, are cut into
// parts that bf16 can hold: one part rounds, two leave an error of 2^-17.
#pragma once

#include <cstdint>
#include <memory>

#include "backends/cpu/kernel.h"
#include "benches/inference/kernels/quantised.h"

namespace membound::cpu {

inline constexpr int64_t kTileRows = 16;       // weight rows of a tile, and tokens of one
inline constexpr int64_t kTileDepth = 32;      // elements of k
inline constexpr int64_t kTileElements = 512;  // of a tile
inline constexpr int64_t kGroup = 32;          // tokens that meet a panel of weights together

// A panel of one or two tiles of weight rows and a group of up to 32 tokens, over all steps of k.
struct Bf16Panel {
  const uint16_t* w[2];  // the weights' parts: [rows][stride], whole tiles
  int64_t stride;        // elements
  const uint16_t* x;     // [step][part][tile of tokens][k / 2][token][2]
  int64_t steps;         // of kTileDepth elements
  const uint16_t* next;  // rows of weights that are wanted soon, a line of each fetched a step
  int64_t next_rows;
  float* c;  // [row][kGroup] sums, written
};

// How a matmul is cut up.
struct Bf16Shape {
  int weight_parts;      // 1 or 2
  int activation_parts;  // 1 or 2
  int row_tiles;         // of a panel, 1 or 2
  int token_tiles;       // of a group, 1 or 2
};

// Memory of one thread that grows and stays, aligned to lines.
class Bf16Scratch {
 public:
  uint16_t* reserve(int64_t elements) {
    if (elements > capacity_) {
      memory_ = std::make_unique<uint16_t[]>(static_cast<size_t>(elements) + 32);
      capacity_ = elements;
    }
    const auto line = (reinterpret_cast<uintptr_t>(memory_.get()) + 63) / 64;
    return reinterpret_cast<uint16_t*>(line * 64);
  }

 private:
  std::unique_ptr<uint16_t[]> memory_;
  int64_t capacity_ = 0;
};

using Bf16Multiply = void (*)(const Bf16Panel&);
using Bf16Choose = Bf16Multiply (*)(const Bf16Shape&);

// y = x . W^T with the arguments of gemv and gemm. bf16: activations in two parts where few tokens
// leave the units idle anyhow, in one above; f16: two parts each. Only where extensions() has
// amx_bf16.
void amx_matmul_bf16(const Args& args, Team team);
void amx_matmul_f16(const Args& args, Team team);
// The same with vector instructions, activations in one part; where it has avx512_bf16.
void dot_matmul_bf16(const Args& args, Team team);

// For up to kDotTokens tokens of a model: rows of weights stream past them.
inline constexpr int64_t kDotTokens = 16;
void dot_gemv_bf16(const Args& args, Team team);
// Quantised weights rounded to bf16 and activations in one part: the error of both together is a
// third of what activations in int8 lose.
template <typename Q>
void amx_matmul_quantised(const Args& args, Team team);
template <typename Q>
void dot_matmul_quantised(const Args& args, Team team);

Bf16Multiply choose_amx(const Bf16Shape& shape);
void configure_amx();
void release_amx();
Bf16Multiply choose_dot(const Bf16Shape& shape);

}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
// The ceiling of matrix units: products of 16 x 16 tiles that stay in registers. One multiply-add
// counts as two flops, of integers too.
#include <bit>
#include <cmath>

#include "benches/harness/bench.h"
#include "benches/harness/fill/random_bits.h"
#include "benches/harness/workspace.h"

namespace membound {
namespace {

constexpr int64_t kTileRows = 16;     // of A, B and C; and the columns of C
constexpr int64_t kTileBytes = 1024;  // 16 rows of 64 bytes
constexpr int64_t kBlocksPerUnit = 16;
constexpr int64_t kTurns = 1024;
constexpr int64_t kCheckedTurns = 7;

// Products that one sum takes from one tile of A and one of B.
int64_t depth(const std::string& dtype) { return dtype == "bf16" ? 32 : 64; }

std::vector<Case> cases(Workspace& workspace) {
  std::vector<Case> all;
  for (const char* dtype : {"bf16", "i8"}) {
    if (workspace.device().find_kernel(std::string("matrix/") + dtype) != nullptr) {
      all.push_back({dtype, {}});
    }
  }
  return all;
}

// Two tiles of random operands, any bytes for i8.
std::vector<uint16_t> random_tiles(const std::string& dtype, uint32_t seed) {
  std::vector<uint16_t> tiles(2 * kTileBytes / 2);
  for (size_t i = 0; i < tiles.size(); ++i) {
    const uint32_t random = mix(static_cast<uint32_t>(i) ^ mix(seed));
    tiles[i] = static_cast<uint16_t>(dtype == "bf16" ? float_bits(random) : random);
  }
  return tiles;
}

// Element `index` of the operands in memory.
double element(const std::string& dtype, const std::vector<uint16_t>& tiles, int64_t index) {
  if (dtype == "bf16") return std::bit_cast<float>(static_cast<uint32_t>(tiles[index]) << 16);
  return static_cast<int8_t>(tiles[index / 2] >> index % 2 * 8);
}

struct Sum {
  double value = 0;
  double magnitude = 0;  // the sum of the products' magnitudes
};

// Row r of A tile i with column c of B tile j. B holds in row q, group c, the elements k of column
// c from q * (depth / 16) on.
Sum product(const std::string& dtype, const std::vector<uint16_t>& a,
            const std::vector<uint16_t>& b, int64_t i, int64_t j, int64_t r, int64_t c) {
  const int64_t k_end = depth(dtype);
  const int64_t group = k_end / kTileRows;
  Sum sum;
  for (int64_t k = 0; k < k_end; ++k) {
    const int64_t in_a = (i * kTileRows + r) * k_end + k;
    const int64_t in_b = (j * kTileRows + k / group) * k_end + c * group + k % group;
    const double term = element(dtype, a, in_a) * element(dtype, b, in_b);
    sum.value += term;
    sum.magnitude += std::abs(term);
  }
  return sum;
}

// Products are exact in float64, so are sums of bytes; sums in f32 round once a product at most.
Check check(const Device& device, const std::string& dtype, Launch launch) {
  launch.args.n[1] = kCheckedTurns;
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto a = device.to_host<uint16_t>(launch.args.buffer[0].data, kTileBytes);
  const auto b = device.to_host<uint16_t>(launch.args.buffer[1].data, kTileBytes);
  const bool floats = dtype == "bf16";
  Check check{.what = "every sum against float64, relative to the sum of magnitudes",
              .bound = floats ? static_cast<double>(kCheckedTurns * depth(dtype)) * 0x1p-24 : 0};
  const int64_t sums = launch.args.n[0] * kTileBytes;
  const auto found = device.to_host<uint32_t>(launch.args.buffer[2].data, sums);
  for (int64_t at = 0; at < sums; ++at) {
    const int64_t tile = at / (kTileBytes / 4) % 4;
    const Sum one =
        product(dtype, a, b, tile / 2, tile % 2, at / kTileRows % kTileRows, at % kTileRows);
    const double value =
        floats ? std::bit_cast<float>(found[at]) : std::bit_cast<int32_t>(found[at]);
    const double error =
        std::abs(value - kCheckedTurns * one.value) / (kCheckedTurns * one.magnitude);
    check.max_error = error > check.max_error || std::isnan(error) ? error : check.max_error;
  }
  check.ok = check.max_error <= check.bound;
  return check;
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const int64_t blocks = device.info().compute_units * kBlocksPerUnit;
  Prepared prepared;
  prepared.kernel = "matrix/" + c.dtype;
  for (const uint32_t seed : {1u, 2u}) {
    const auto tiles = random_tiles(c.dtype, seed);
    prepared.buffers.push_back(device.alloc(2 * kTileBytes));
    device.copy(prepared.buffers.back().data(), tiles.data(), 2 * kTileBytes);
  }
  prepared.buffers.push_back(device.alloc(blocks * 4 * kTileBytes));
  prepared.launches = {{.kernel = device.need_kernel(prepared.kernel),
                        .args = {.buffer = {{prepared.buffers[0].data(), 0},
                                            {prepared.buffers[1].data(), 0},
                                            {prepared.buffers[2].data(), 0}},
                                 .n = {blocks, kTurns}},
                        .depends = -1}};
  const int64_t multiply_adds = blocks * kTurns * 4 * kTileRows * kTileRows * depth(c.dtype);
  prepared.work = {.activation_bytes = 4 * kTileBytes + blocks * 4 * kTileBytes,
                   .flops = {{c.dtype, 2 * multiply_adds}}};
  prepared.check = [&workspace, dtype = c.dtype, launch = prepared.launches[0]] {
    return check(workspace.device(), dtype, launch);
  };
  return prepared;
}

const BenchRegistrar registrar(
    {.family = "compute",
     .name = "matrix",
     .question = "C += A . B on tiles in registers: how fast are matrix units?",
     .stage = Stage::kCeiling,
     .light = true,
     .cases = cases,
     .any_kernel_of = {"matrix/bf16", "matrix/i8"},
     .prepare = prepare});

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
// Products of tiles in registers: C[i][j] = n[1] times A[i] . B[j] for i, j in {0, 1}.
// buffer 0 A: two tiles of 16 rows, 64 bytes each, 1 B: two tiles of 16 rows, each of them 16
// groups of 4 bytes (the products that one sum of C takes in), 2 C: n[0] blocks of four tiles
// [i][j] of 16 x 16 sums, f32 or int32; n: 0 blocks, 1 turns.
// Two by two tiles: four independent sums cover the latency of a tile product, and more operands
// would find no register.
#include "backends/cpu/isa.h"
#include "backends/cpu/kernel.h"

// GCC 11 and clang 12 are the first that have tiles as functions with a target attribute.
#if defined(__x86_64__) && \
    ((defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && __GNUC__ >= 11))
#include <immintrin.h>

namespace membound::cpu {
namespace {

constexpr int64_t kTileBytes = 1024;
constexpr int64_t kRowBytes = 64;

// What LDTILECFG reads: all eight tiles of 16 rows, 64 bytes each.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

// Tiles 0 to 3 are C, 4 and 5 A, 6 and 7 B.
#define MEMBOUND_MATRIX(name, features, PRODUCT)                                         \
  __attribute__((target("amx-tile," features))) void name(const Args& args, Team team) { \
    const TileConfig config;                                                             \
    _tile_loadconfig(&config);                                                           \
    const char* a = pointer<char>(args, 0);                                              \
    const char* b = pointer<char>(args, 1);                                              \
    _tile_loadd(4, a, kRowBytes);                                                        \
    _tile_loadd(5, a + kTileBytes, kRowBytes);                                           \
    _tile_loadd(6, b, kRowBytes);                                                        \
    _tile_loadd(7, b + kTileBytes, kRowBytes);                                           \
    const Range range = share(args.n[0], 1, team);                                       \
    for (int64_t block = range.begin; block < range.end; ++block) {                      \
      _tile_zero(0);                                                                     \
      _tile_zero(1);                                                                     \
      _tile_zero(2);                                                                     \
      _tile_zero(3);                                                                     \
      for (int64_t turn = 0; turn < args.n[1]; ++turn) {                                 \
        PRODUCT(0, 4, 6);                                                                \
        PRODUCT(1, 4, 7);                                                                \
        PRODUCT(2, 5, 6);                                                                \
        PRODUCT(3, 5, 7);                                                                \
      }                                                                                  \
      char* c = pointer<char>(args, 2) + block * 4 * kTileBytes;                         \
      _tile_stored(0, c, kRowBytes);                                                     \
      _tile_stored(1, c + kTileBytes, kRowBytes);                                        \
      _tile_stored(2, c + 2 * kTileBytes, kRowBytes);                                    \
      _tile_stored(3, c + 3 * kTileBytes, kRowBytes);                                    \
    }                                                                                    \
    _tile_release();                                                                     \
  }

MEMBOUND_MATRIX(matrix_bf16, "amx-bf16", _tile_dpbf16ps)
MEMBOUND_MATRIX(matrix_i8, "amx-int8", _tile_dpbssd)

// A CPU that lacks an extension is not offered its kernel.
[[maybe_unused]] const bool registered = [] {
  const Extensions& usable = extensions();
  if (usable.amx_bf16) kernels().push_back({"matrix/bf16", matrix_bf16});
  if (usable.amx_int8) kernels().push_back({"matrix/i8", matrix_i8});
  return true;
}();

}  // namespace
}  // namespace membound::cpu
#endif

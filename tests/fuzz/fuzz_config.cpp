// SPDX-License-Identifier: Apache-2.0
// A config.json of any bytes; a shape that passes is within what the programs can allocate for.
#include "benches/model/bounded_json.h"
#include "benches/model/shape.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  membound::only_input_errors([&] {
    const auto config =
        membound::parse_bounded(membound::text_of(data, size), {64, 1 << 20}, "config.json");
    const membound::Shape shape = membound::shape_from_json(config, "config.json");
    const bool bounded = shape.hidden >= 1 && shape.hidden <= 1 << 24 && shape.layers >= 1 &&
                         shape.layers <= 1024 && shape.kv_heads >= 1 &&
                         shape.heads % shape.kv_heads == 0 && shape.head_dim >= 2 &&
                         shape.head_dim <= 512 && shape.vocab >= 1 && shape.vocab <= 1 << 24;
    if (!bounded) std::abort();
    (void)membound::to_json(shape).dump();
  });
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// A .gguf of any bytes: container, metadata, shape, description; then every tensor is read to its
// end.
#include "benches/model/describe_weights.h"
#include "benches/model/gguf_model.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  membound::only_input_errors([&] {
    const auto contents =
        membound::gguf_contents(membound::parse_gguf({data, size}, "m.gguf"), "m.gguf");
    (void)membound::describe(contents).dump();
    volatile uint8_t sink = 0;
    for (const auto& tensor : contents.tensors) sink = sink ^ tensor.data[tensor.bytes - 1];
  });
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// A .safetensors of any bytes; then every tensor is renamed, described and read to its end.
#include "benches/model/describe_weights.h"
#include "benches/model/safetensors.h"
#include "benches/model/safetensors_model.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  membound::only_input_errors([&] {
    membound::WeightsContents contents;
    contents.tensors = membound::parse_safetensors({data, size}, "m.safetensors");
    volatile uint8_t sink = 0;
    for (auto& tensor : contents.tensors) {
      tensor.name = membound::gguf_name(tensor.name);
      sink = sink ^ tensor.data[tensor.bytes - 1];
    }
    (void)membound::describe(contents).dump();
  });
  return 0;
}

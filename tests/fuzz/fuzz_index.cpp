// SPDX-License-Identifier: Apache-2.0
// A model.safetensors.index.json of any bytes; what it names lies in its own folder.
#include "benches/model/bounded_json.h"
#include "benches/model/safetensors.h"
#include "benches/model/safetensors_model.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  membound::only_input_errors([&] {
    const auto index =
        membound::parse_bounded(membound::text_of(data, size), {3, 1 << 20}, "index.json");
    for (const auto& [name, file] : membound::parse_index(index, "index.json")) {
      (void)membound::gguf_name(name);
      if (file.find('/') != std::string::npos) std::abort();
    }
  });
  return 0;
}

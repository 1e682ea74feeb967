// SPDX-License-Identifier: Apache-2.0
// --generate: greedy tokens, and on request their logits, of one model on one device.
#include <fstream>
#include <iostream>

#include "benches/harness/actions.h"
#include "benches/harness/statistics.h"
#include "benches/model/file_weights.h"
#include "benches/model/generate.h"

namespace membound {
namespace {

using nlohmann::json;

void check_prompts(const Options& options) {
  if (!options.model) throw InputError("--generate needs --model");
  if (options.prompts.empty()) throw InputError("--generate needs --prompt=TOKEN,TOKEN,...");
  for (const Tokens& prompt : options.prompts) {
    if (prompt.empty() || prompt.size() != options.prompts[0].size()) {
      throw InputError(
          "--prompt: sequences (between ';') must have as many tokens each, one at least");
    }
    for (const int32_t token : prompt) {
      if (token >= options.model->vocab) {
        throw InputError("--prompt: token " + std::to_string(token) +
                         " is not in the vocabulary of " + std::to_string(options.model->vocab));
      }
    }
  }
}

void need_memory(const Device& device, const Options& options) {
  const auto batch = static_cast<int64_t>(options.prompts.size());
  const auto prompt = static_cast<int64_t>(options.prompts[0].size());
  const StepSpec prefill{StepSpec::kPrefill, batch, prompt};
  const int64_t needed = weight_bytes(*options.model, options.types) +
                         StepProgram::activation_bytes(*options.model, prefill) +
                         kv_bytes(*options.model, options.types,
                                  {StepSpec::kDecode, batch, prompt + options.generate});
  const int64_t free = device.query().memory_free_bytes;
  if (needed <= free) return;
  char text[300];
  std::snprintf(text, sizeof text, "%s needs %.1f GB of memory and %s has %.1f GB free",
                options.model->id.c_str(), 1e-9 * static_cast<double>(needed), device.id().c_str(),
                1e-9 * static_cast<double>(free));
  throw InputError(text);
}

void write_logits(const std::string& path, const std::vector<float>& logits) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(logits.data()),
             static_cast<std::streamsize>(logits.size() * sizeof(float)));
  file.close();
  if (!file) throw InputError(path + ": can't be written");
}

}  // namespace

int generate_tokens(const Options& options) {
  check_prompts(options);
  const auto backends = load_backends(options.backends_folder);
  const auto devices = open_devices(backends, options.devices);
  if (devices.empty()) throw Error("no device to run on");
  const Device& device = devices[0];
  const Shape& shape = *options.model;
  need_memory(device, options);
  const auto weights = load_weights(device, shape, options.types, options.weights.get());
  const Generated found = generate(device, shape, options.types, weights, options.prompts,
                                   options.generate, !options.logits_out.empty());
  if (!options.logits_out.empty()) write_logits(options.logits_out, found.logits);
  json whole = {{"model", shape.id},
                {"device", device.id()},
                {"types", to_json(options.types)},
                {"prompt", options.prompts},
                {"tokens", found.tokens},
                {"seconds_to_first_token", found.seconds_to_first_token}};
  if (!found.output_seconds.empty()) {
    const double seconds = median(found.output_seconds);
    whole["seconds_per_output_token"] = seconds;
    whole["tokens_per_s"] = static_cast<double>(options.prompts.size()) / seconds;
  }
  if (shape.experts > 0) {
    whole["experts_touched"] = {{"prefill", found.prefill_experts_touched},
                                {"decode", found.decode_experts_touched}};
  }
  std::cout << whole.dump() << "\n";
  return 0;
}

}  // namespace membound

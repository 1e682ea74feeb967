// SPDX-License-Identifier: Apache-2.0
#include "benches/harness/options.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>

#include "backends/error.h"
#include "benches/model/file_weights.h"

namespace membound {
namespace {

std::filesystem::path executable_folder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

template <typename Number>
Number number(const std::string& flag, const std::string& text, Number low, Number high) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= low) ||
      !(value <= high)) {
    std::ostringstream message;
    message << flag << "=" << text << ": expected a number from " << low << " to " << high;
    throw InputError(message.str());
  }
  return value;
}

std::vector<std::string> split(const std::string& text, char separator = ',') {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::vector<int64_t> numbers(const std::string& flag, const std::string& text, int64_t high) {
  std::vector<int64_t> values;
  for (const auto& part : split(text)) values.push_back(number<int64_t>(flag, part, 1, high));
  if (values.empty()) throw InputError(flag + ": expected numbers with commas between them");
  return values;
}

std::vector<int32_t> tokens(const std::string& text) {
  std::vector<int32_t> values;
  for (const auto& part : split(text)) {
    values.push_back(number<int32_t>("--prompt", part, 0, 1 << 24));
  }
  return values;
}

template <typename Value>
Value one_of(const std::string& flag, const std::string& text,
             const std::map<std::string, Value>& choices) {
  const auto found = choices.find(text);
  if (found != choices.end()) return found->second;
  std::string known;
  for (const auto& [name, value] : choices) known += (known.empty() ? "" : ", ") + name;
  throw InputError(flag + "=" + text + ": expected one of " + known);
}

const std::map<std::string, Suite>& suites() {
  static const std::map<std::string, Suite> all = {
      {"ceilings", Suite::kCeilings}, {"steps", Suite::kSteps}, {"all", Suite::kAll}};
  return all;
}

struct Profile {
  std::vector<int64_t> batches, contexts, prefills;
  double ceilings_seconds, steps_seconds;  // time caps of the two processes
  int32_t max_samples;
};

const std::map<std::string, Profile>& profiles() {
  static const std::map<std::string, Profile> all = {
      {"quick", {{1, 4}, {128}, {128}, 50, 30, 20}},
      {"standard", {{1, 4, 16}, {128, 2048}, {512}, 60, 40, 40}},
      {"full", {{1, 4, 16, 32}, {128, 2048, 8192, 32768}, {512, 2048}, 600, 600, 60}},
  };
  return all;
}

std::string one_of(const std::string& flag, const std::string& text,
                   const std::vector<std::string>& choices) {
  std::map<std::string, std::string> same;
  for (const auto& choice : choices) same.emplace(choice, choice);
  return one_of(flag, text, same);
}

void apply_profile(Options& options) {
  const Profile& profile = one_of("--profile", options.profile, profiles());
  options.batches = profile.batches;
  options.contexts = profile.contexts;
  options.prefills = profile.prefills;
  options.time_cap_seconds =
      options.suite == Suite::kSteps ? profile.steps_seconds : profile.ceilings_seconds;
  options.max_samples = profile.max_samples;
}

using Setter = std::function<void(Options&, const std::string&)>;

const std::map<std::string, Setter>& setters() {
  static const std::map<std::string, Setter> all = {
      {"--profile", [](Options&, const std::string&) {}},  // read first: others change its values
      {"--catalogue", [](Options& o, const std::string& v) { o.catalogue_folder = v; }},
      {"--model", [](Options&, const std::string&) {}},  // read last: it needs the catalogue
      {"--suite", [](Options&, const std::string&) {}},
      {"--dtype", [](Options&, const std::string&) {}},  // the two settle the types together
      {"--cache", [](Options&, const std::string&) {}},
      {"--batch",
       [](Options& o, const std::string& v) { o.batches = numbers("--batch", v, 4096); }},
      {"--context",
       [](Options& o, const std::string& v) { o.contexts = numbers("--context", v, 1 << 20); }},
      {"--prefill",
       [](Options& o, const std::string& v) { o.prefills = numbers("--prefill", v, 1 << 17); }},
      {"--generate",
       [](Options& o, const std::string& v) {
         o.action = Action::kGenerate;
         o.generate = number<int64_t>("--generate", v, 0, 1 << 20);
       }},
      {"--prompt",
       [](Options& o, const std::string& v) {
         for (const auto& sequence : split(v, ';')) o.prompts.push_back(tokens(sequence));
       }},
      {"--logits", [](Options& o, const std::string& v) { o.logits_out = v; }},
      {"--device", [](Options& o, const std::string& v) { o.devices = split(v); }},
      {"--describe",
       [](Options& o, const std::string& v) {
         o.action = Action::kDescribe;
         o.describe = v;
       }},
      {"--out", [](Options& o, const std::string& v) { o.out = v; }},
      {"--backends", [](Options& o, const std::string& v) { o.backends_folder = v; }},
      {"--relative-error",
       [](Options& o, const std::string& v) {
         o.relative_error = number("--relative-error", v, 1e-4, 1.0);
       }},
      {"--sample-seconds",
       [](Options& o, const std::string& v) {
         o.sample_seconds = number("--sample-seconds", v, 0.01, 60.0);
       }},
      {"--time-cap",
       [](Options& o, const std::string& v) {
         o.time_cap_seconds = number("--time-cap", v, 0.0, 1e6);
       }},
      {"--hang-after",
       [](Options& o, const std::string& v) {
         o.hang_seconds = number("--hang-after", v, 0.1, 1e5);
       }},
      {"--min-samples",
       [](Options& o, const std::string& v) {
         o.min_samples = number("--min-samples", v, 1, 10000);
       }},
      {"--max-samples",
       [](Options& o, const std::string& v) {
         o.max_samples = number("--max-samples", v, 1, 10000);
       }},
      {"--process-index",
       [](Options& o, const std::string& v) {
         o.process_index = number("--process-index", v, 0, 1000);
       }},
      {"--benchmark_filter", [](Options& o, const std::string& v) { o.filter = v; }},
      {"--benchmark_out", [](Options& o, const std::string& v) { o.benchmark_out = v; }},
  };
  return all;
}

const std::map<std::string, Action>& actions() {
  static const std::map<std::string, Action> all = {
      {"--list", Action::kList},   {"--print-work", Action::kPrintWork},
      {"--check", Action::kCheck}, {"--version", Action::kVersion},
      {"--help", Action::kHelp},
  };
  return all;
}

// These two would change what a sample is.
void refuse(const std::string& flag) {
  if (flag == "--benchmark_min_time") {
    throw InputError(
        "--benchmark_min_time has no effect on calibrated samples; use "
        "--sample-seconds=S for the shortest sample or --time-cap=S for the process");
  }
  if (flag == "--benchmark_repetitions") {
    throw InputError(
        "--benchmark_repetitions: repetitions are samples here; use --min-samples=N "
        "and --max-samples=N");
  }
}

std::pair<std::string, std::string> split_flag(const std::string& argument) {
  const auto equals = argument.find('=');
  if (equals == std::string::npos) return {argument, ""};
  return {argument.substr(0, equals), argument.substr(equals + 1)};
}

std::string value_of(int argc, char** argv, const std::string& flag, const std::string& fallback) {
  for (int i = argc - 1; i > 0; --i) {
    const auto [name, value] = split_flag(argv[i]);
    if (name == flag) return value;
  }
  return fallback;
}

Types types_from(int argc, char** argv) {
  const std::string dtype =
      one_of("--dtype", value_of(argc, argv, "--dtype", "bf16"), stored_types());
  const std::string cache = value_of(argc, argv, "--cache", default_cache(dtype));
  return types_of(dtype, one_of("--cache", cache, cache_types()));
}

// Shape and types are the file's, but for the cache.
void take_weights(int argc, char** argv, const std::string& path, Options& options) {
  options.weights = open_weights(path);
  options.model = options.weights->shape();
  const std::string cache =
      one_of("--cache", value_of(argc, argv, "--cache", "f16"), cache_types());
  options.types = file_types(*options.weights, cache, path);
  const std::string dtype = value_of(argc, argv, "--dtype", options.types.weights);
  if (dtype != options.types.weights) {
    throw InputError("--dtype=" + dtype + ": " + path + " holds " + options.types.weights +
                     "; leave --dtype out");
  }
}

void take_model(int argc, char** argv, Options& options) {
  options.types = types_from(argc, argv);
  const std::string model = value_of(argc, argv, "--model", "");
  if (model.empty()) return;
  if (names_weights(model)) return take_weights(argc, argv, model, options);
  options.model = read_shape(model, options.catalogue_folder);
  check_types(*options.model, options.types);
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  options.backends_folder = (executable_folder() / "backends").string();
  options.catalogue_folder = (executable_folder() / "catalogue").string();
  options.profile = value_of(argc, argv, "--profile", options.profile);
  options.suite = one_of("--suite", value_of(argc, argv, "--suite", "all"), suites());
  apply_profile(options);
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--describe" && i + 1 < argc) argument += std::string("=") += argv[++i];
    const auto [flag, value] = split_flag(argument);
    refuse(flag);
    if (const auto action = actions().find(argument); action != actions().end()) {
      options.action = action->second;
    } else if (const auto setter = setters().find(flag); setter != setters().end()) {
      if (flag.size() == argument.size()) throw InputError(flag + ": expected " + flag + "=VALUE");
      setter->second(options, value);
    } else if (flag.rfind("--benchmark_", 0) == 0) {
      options.benchmark_arguments.push_back(argument);
    } else {
      throw InputError("unknown argument " + argument + "; `membound-bench --help` lists all");
    }
  }
  if (options.max_samples < options.min_samples) options.max_samples = options.min_samples;
  take_model(argc, argv, options);
  return options;
}

std::string usage() {
  return R"(membound-bench: measures a device's ceilings, kernels and whole transformer steps

  --list                 backends, devices and benches as JSON
  --print-work           bytes and flops of each launch of the model's steps as JSON; allocates nothing
  --describe FILE        weights of a .gguf, or of safetensors with their config.json, as JSON
  --check                check every bench's result, time nothing
  --generate=N --prompt=1,2,3;4,5,6 [--logits=FILE]
                         N greedy tokens after the prompt of each sequence (all of one length) as
                         JSON; FILE gets raw f32 logits [sequence][position][vocabulary]: after each
                         token of the prompt and each generated one but the last
  --suite=ceilings|steps|all
  --profile=quick|standard|full
  --model=ID|CONFIG.JSON|FILE.gguf|FOLDER --batch=1,4 --context=128 --prefill=128
  --dtype=f32|f16|bf16|q8_0|q4_0  of all matrices
  --cache=f32|f16|bf16   of keys and values; default: the dtype, f16 for quantised ones and files
  --device=cpu:0,...     default: every device found
  --out=FILE             journal (JSON Lines), appended to as samples come
  --backends=DIR         modules; default: backends/ beside this program
  --catalogue=DIR        models.json; default: catalogue/ beside this program
  --sample-seconds=S --min-samples=N --max-samples=N --relative-error=F --time-cap=S --hang-after=S
  --benchmark_*          Google Benchmark's flags; --benchmark_filter=REGEX chooses benches

Exit codes: 0 fine, 2 could not measure, 3 wrong use or bad input.
)";
}

}  // namespace membound

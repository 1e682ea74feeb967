// SPDX-License-Identifier: Apache-2.0
#include "benches/model/weights_file.h"

#include <cctype>
#include <filesystem>

#include "backends/error.h"
#include "benches/model/gguf_model.h"
#include "benches/model/safetensors_model.h"
#include "benches/model/tensor_types.h"

namespace membound {
namespace {

namespace fs = std::filesystem;

bool ends(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// A model is named by its file, or by its folder where the file's name says nothing. The id becomes
// part of bench names, where '/' and ':' have a meaning.
std::string id_of(const std::string& path) {
  fs::path name = fs::absolute(path).lexically_normal();
  if (name.filename().empty()) name = name.parent_path();  // a folder with '/' at its end
  if (name.filename().string().rfind("model", 0) == 0) name = name.parent_path();
  const std::string extension = name.extension().string();
  const bool file = extension == ".gguf" || extension == ".safetensors" || extension == ".json";
  std::string id = (file ? name.stem() : name.filename()).string();
  for (char& c : id) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  return id.empty() ? "model" : id;
}

WeightsContents read_gguf(const std::string& path) {
  const MappedFile file(path);
  WeightsContents contents = gguf_contents(parse_gguf(file.bytes(), path), path);
  contents.files.push_back(file);
  return contents;
}

}  // namespace

bool names_weights(const std::string& path) {
  if (ends(path, ".gguf") || ends(path, ".safetensors") || ends(path, ".safetensors.index.json")) {
    return true;
  }
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".safetensors") return true;
  }
  return false;
}

WeightsContents read_weights(const std::string& path) {
  std::error_code error;
  const bool safetensors = fs::is_directory(path, error) || ends(path, ".safetensors") ||
                           ends(path, ".safetensors.index.json");
  WeightsContents contents = safetensors ? read_safetensors(path) : read_gguf(path);
  if (contents.shape) contents.shape->id = id_of(path);
  return contents;
}

WeightsFile::WeightsFile(WeightsContents contents) : contents_(std::move(contents)) {
  for (size_t i = 0; i < contents_.tensors.size(); ++i) {
    by_name_.emplace(contents_.tensors[i].name, i);
  }
}

const Tensor* WeightsFile::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &contents_.tensors[found->second];
}

std::unique_ptr<WeightsFile> open_weights(const std::string& path) {
  WeightsContents contents = read_weights(path);
  if (!contents.problem.empty()) throw InputError(path + ": " + contents.problem);
  return std::make_unique<WeightsFile>(std::move(contents));
}

void require_runnable_types(const WeightsFile& weights, const std::string& where) {
  for (const Tensor& tensor : weights.tensors()) {
    if (tensor_type(tensor.type)->runnable) continue;
    throw InputError(where + ": tensor " + tensor.name + " is " + tensor.type +
                     ", which no kernel reads; f32, f16, bf16, q8_0 and q4_0 can be run");
  }
}

}  // namespace membound

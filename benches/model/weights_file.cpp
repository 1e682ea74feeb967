// SPDX-License-Identifier: Apache-2.0
#include "benches/model/weights_file.h"

#include <cctype>
#include <filesystem>

#include "backends/error.h"
#include "benches/model/gguf_model.h"
#include "benches/model/tensor_types.h"

namespace membound {
namespace {

namespace fs = std::filesystem;

// The id becomes part of bench names, where '/' and ':' have a meaning.
std::string id_of(const std::string& path) {
  std::string id = fs::absolute(path).lexically_normal().stem().string();
  for (char& c : id) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  return id.empty() ? "model" : id;
}

}  // namespace

bool names_weights(const std::string& path) { return fs::path(path).extension() == ".gguf"; }

WeightsContents read_weights(const std::string& path) {
  const MappedFile file(path);
  WeightsContents contents = gguf_contents(parse_gguf(file.bytes(), path), path);
  contents.files.push_back(file);
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

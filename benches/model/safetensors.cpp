// SPDX-License-Identifier: Apache-2.0
#include "benches/model/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "backends/error.h"
#include "benches/model/bounded_json.h"
#include "benches/model/file_text.h"
#include "benches/model/tensor_checks.h"
#include "benches/model/tensor_types.h"

namespace membound {
namespace {

using nlohmann::json;

constexpr uint64_t kLargestHeader = 100'000'000;  // the format's own limit
constexpr size_t kMostTensors = 1 << 18;
constexpr size_t kMostDimensions = 8;
// Object, tensors, shapes; a tensor has about a dozen values.
constexpr JsonLimits kHeaderLimits = {3, 16 * int64_t{kMostTensors}};
constexpr const char* kMetadata = "__metadata__";

// Not negative and no more than a file can hold; nothing for anything else.
std::optional<int64_t> whole_number(const json& value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX) return std::nullopt;
  return static_cast<int64_t>(value.get<uint64_t>());
}

class Reader {
 public:
  Reader(Bytes data, const std::string& where) : data_(data), where_(where) {}

  Tensor tensor(const std::string& name, const json& entry) const {
    const std::string what = "tensor " + in_quotes(name);
    if (!entry.is_object()) fail(what + " has no description");
    const TensorType* type = safetensors_type(text(entry, "dtype"));
    if (!type) fail(what + " has dtype " + in_quotes(text(entry, "dtype")) + ", which is unknown");
    Tensor tensor{name, type->name, numbers(entry, "shape", what), 0, nullptr};
    if (tensor.shape.size() > kMostDimensions) fail(what + " has too many dimensions");
    const auto bytes = tensor_bytes(*type, tensor.shape);
    if (!bytes) {
      fail(what + " has a dimension that is 0 or too large for " + std::string(type->name));
    }
    const auto offsets = numbers(entry, "data_offsets", what);
    if (offsets.size() != 2 || offsets[0] > offsets[1] ||
        static_cast<uint64_t>(offsets[1]) > data_.size) {
      fail(what + " lies beyond the end of the file; is it truncated?");
    }
    if (offsets[1] - offsets[0] != *bytes) {
      fail(what + " has " + std::to_string(offsets[1] - offsets[0]) +
           " bytes; its shape asks for " + std::to_string(*bytes));
    }
    tensor.bytes = *bytes;
    tensor.data = data_.data + offsets[0];
    return tensor;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw InputError(where_ + ": " + what); }

  static std::string text(const json& entry, const char* key) {
    const auto found = entry.find(key);
    return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
  }

  std::vector<int64_t> numbers(const json& entry, const char* key, const std::string& what) const {
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_array()) fail(what + " has no " + key);
    std::vector<int64_t> all;
    for (const json& value : *found) {
      const auto number = whole_number(value);
      if (!number) fail(what + ": " + key + " must hold whole numbers");
      all.push_back(*number);
    }
    return all;
  }

  const Bytes data_;
  const std::string& where_;
};

std::string_view header_of(Bytes file, const std::string& where) {
  uint64_t size = 0;
  if (file.size < sizeof size) throw InputError(where + ": too short for a safetensors file");
  std::memcpy(&size, file.data, sizeof size);
  if (size > kLargestHeader || size > file.size - sizeof size) {
    throw InputError(where + ": no safetensors file, or truncated: its header would have " +
                     std::to_string(size) + " bytes");
  }
  return {reinterpret_cast<const char*>(file.data) + sizeof size, size};
}

// The format leaves no gaps: bytes that no tensor has are a sign of a damaged file.
void check_covered(const std::vector<Tensor>& tensors, size_t size, const std::string& where) {
  int64_t covered = 0;
  for (const Tensor& tensor : tensors) covered += tensor.bytes;
  if (static_cast<size_t>(covered) != size) {
    throw InputError(where + ": its tensors have " + std::to_string(covered) +
                     " bytes and its data " + std::to_string(size));
  }
}

}  // namespace

std::vector<Tensor> parse_safetensors(Bytes file, const std::string& where) {
  const std::string_view text = header_of(file, where);
  const json header = parse_bounded(text, kHeaderLimits, where);
  if (!header.is_object()) throw InputError(where + ": the header is no JSON object");
  if (header.size() > kMostTensors) throw InputError(where + ": too many tensors");
  const size_t begin = sizeof(uint64_t) + text.size();
  const Bytes data = {file.data + begin, file.size - begin};
  const Reader reader(data, where);
  std::vector<Tensor> tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name != kMetadata) tensors.push_back(reader.tensor(name, entry));
  }
  check_places(tensors, where);
  check_covered(tensors, data.size, where);
  return tensors;
}

std::map<std::string, std::string> parse_index(const json& index, const std::string& where) {
  const auto found = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || found == index.end() || !found->is_object()) {
    throw InputError(where + ": no weight_map of tensors to files");
  }
  if (found->size() > kMostTensors) throw InputError(where + ": too many tensors");
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : found->items()) {
    const std::string plain = file.is_string() ? file.get<std::string>() : "";
    const bool inside = plain.find('/') == std::string::npos && plain.size() < 256;
    // A file's name ends at a zero byte, wherever the text goes on.
    const bool named = plain.size() > 12 && plain.find('\0') == std::string::npos &&
                       plain.compare(plain.size() - 12, 12, ".safetensors") == 0;
    if (!inside || !named) {
      throw InputError(where + ": tensor " + in_quotes(name) + " lies in " + in_quotes(plain) +
                       ", which is no .safetensors file beside it");
    }
    files.emplace(name, plain);
  }
  return files;
}

}  // namespace membound

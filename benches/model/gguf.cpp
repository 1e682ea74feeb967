// SPDX-License-Identifier: Apache-2.0
#include "benches/model/gguf.h"

#include <algorithm>
#include <cstring>

#include "backends/error.h"
#include "benches/model/file_text.h"
#include "benches/model/tensor_checks.h"
#include "benches/model/tensor_types.h"

namespace membound {
namespace {

// Far above any real file: a count beyond them is refused before anything is reserved for it.
constexpr uint64_t kMostKeys = 1 << 16;
constexpr uint64_t kMostTensors = 1 << 18;
constexpr uint64_t kLongestName = 1024;
constexpr uint64_t kMostDimensions = 4;
constexpr uint64_t kLargestAlignment = 1 << 20;

// As files number them, from 0.
enum ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

// Bytes of one element; 0 where that is not fixed.
uint64_t fixed_bytes(uint32_t type) {
  switch (type) {
    case kU8:
    case kI8:
    case kBool:
      return 1;
    case kU16:
    case kI16:
      return 2;
    case kU32:
    case kI32:
    case kF32:
      return 4;
    case kU64:
    case kI64:
    case kF64:
      return 8;
    default:
      return 0;
  }
}

template <typename Number>
Number load(const uint8_t* bytes) {
  Number value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

GgufValue scalar(uint32_t type, const uint8_t* bytes) {
  switch (type) {
    case kU8:
      return uint64_t{*bytes};
    case kI8:
      return int64_t{load<int8_t>(bytes)};
    case kU16:
      return uint64_t{load<uint16_t>(bytes)};
    case kI16:
      return int64_t{load<int16_t>(bytes)};
    case kU32:
      return uint64_t{load<uint32_t>(bytes)};
    case kI32:
      return int64_t{load<int32_t>(bytes)};
    case kF32:
      return double{load<float>(bytes)};
    case kBool:
      return *bytes != 0;
    case kU64:
      return load<uint64_t>(bytes);
    case kI64:
      return load<int64_t>(bytes);
    default:
      return load<double>(bytes);
  }
}

class Parser {
 public:
  Parser(Bytes file, const std::string& where) : file_(file), where_(where) {}

  Gguf parse() {
    Gguf gguf;
    gguf.version = version();
    const uint64_t tensors = count("tensors", kMostTensors);
    const uint64_t keys = count("metadata keys", kMostKeys);
    for (uint64_t i = 0; i < keys; ++i) read_key(gguf);
    alignment_ = alignment(gguf);
    std::vector<uint64_t> offsets;
    for (uint64_t i = 0; i < tensors; ++i) offsets.push_back(read_tensor(gguf));
    place(gguf, offsets);
    return gguf;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw InputError(where_ + ": " + what); }

  uint64_t left() const { return file_.size - at_; }

  // The next bytes of the file; the only place that moves on.
  const uint8_t* take(uint64_t bytes, const char* what) {
    if (bytes > left()) {
      fail(std::string("the file ends within ") + what + " at byte " + std::to_string(at_));
    }
    const uint8_t* taken = file_.data + at_;
    at_ += bytes;
    return taken;
  }

  template <typename Number>
  Number number(const char* what) {
    return load<Number>(take(sizeof(Number), what));
  }

  std::string_view text(const char* what) {
    const auto size = number<uint64_t>(what);
    return {reinterpret_cast<const char*>(take(size, what)), size};
  }

  std::string name(const char* what) {
    const auto given = text(what);
    if (given.empty() || given.size() > kLongestName || !is_utf8(given)) {
      fail(std::string(what) + " " + in_quotes(given) + " is empty, too long or not UTF-8");
    }
    return std::string(given);
  }

  uint32_t version() {
    if (file_.size < 4 || std::memcmp(take(4, "the magic"), "GGUF", 4) != 0) {
      fail("not a GGUF file: it does not begin with GGUF");
    }
    const auto version = number<uint32_t>("the version");
    if (version == 2 || version == 3) return version;
    if (version == 0x02000000 || version == 0x03000000) {
      fail("a big-endian GGUF file; convert it to little-endian");
    }
    fail("GGUF version " + std::to_string(version) + "; versions 2 and 3 can be read");
  }

  uint64_t count(const char* what, uint64_t most) {
    const auto value = number<uint64_t>(what);
    if (value > most) {
      fail("says that it holds " + std::to_string(value) + " " + what + ", over " +
           std::to_string(most));
    }
    return value;
  }

  void read_key(Gguf& gguf) {
    const std::string key = name("a metadata key");
    const auto type = number<uint32_t>("a metadata type");
    if (!gguf.metadata.emplace(key, value(key, type)).second) {
      fail("metadata key " + in_quotes(key) + " is there twice");
    }
  }

  GgufValue value(const std::string& key, uint32_t type) {
    if (type == kString) return text("a metadata value");
    if (type == kArray) return array(key);
    const uint64_t bytes = fixed_bytes(type);
    if (bytes == 0) fail("metadata key " + in_quotes(key) + " has type " + std::to_string(type));
    return scalar(type, take(bytes, "a metadata value"));
  }

  GgufArray array(const std::string& key) {
    const auto type = number<uint32_t>("an array's type");
    const auto count = number<uint64_t>("an array's length");
    if (type == kString) {
      for (uint64_t i = 0; i < count; ++i) text("an array of strings");
      return {type, count, nullptr};
    }
    const uint64_t bytes = fixed_bytes(type);
    if (bytes == 0) {
      fail("metadata key " + in_quotes(key) + " is an array of " +
           (type == kArray ? "arrays" : "type " + std::to_string(type)) + ", which can't be read");
    }
    if (count > left() / bytes)
      fail("array " + in_quotes(key) + " goes beyond the end of the file");
    return {type, count, take(count * bytes, "an array")};
  }

  uint64_t alignment(const Gguf& gguf) const {
    const auto found = gguf.metadata.find("general.alignment");
    if (found == gguf.metadata.end()) return 32;
    const auto* value = std::get_if<uint64_t>(&found->second);
    if (!value || *value < 8 || *value > kLargestAlignment || (*value & (*value - 1)) != 0) {
      fail("general.alignment must be a power of two from 8 to " +
           std::to_string(kLargestAlignment));
    }
    return *value;
  }

  // Its offset in the data, not yet checked against the file.
  uint64_t read_tensor(Gguf& gguf) {
    Tensor tensor;
    tensor.name = name("a tensor's name");
    const auto dimensions = number<uint32_t>("a tensor's shape");
    if (dimensions < 1 || dimensions > kMostDimensions) {
      fail("tensor " + in_quotes(tensor.name) + " has " + std::to_string(dimensions) +
           " dimensions, not 1 to " + std::to_string(kMostDimensions));
    }
    // Files have the innermost dimension first.
    for (uint32_t i = 0; i < dimensions; ++i) {
      tensor.shape.insert(tensor.shape.begin(), number<int64_t>("a tensor's shape"));
    }
    const auto kind = number<uint32_t>("a tensor's type");
    const TensorType* type = ggml_type(kind);
    if (!type) {
      fail("tensor " + in_quotes(tensor.name) + " has type " + std::to_string(kind) +
           ", which is unknown or no longer in use");
    }
    tensor.type = type->name;
    const auto bytes = tensor_bytes(*type, tensor.shape);
    if (!bytes) {
      fail("tensor " + in_quotes(tensor.name) +
           " has a dimension that is 0, too large, or no whole " + "number of " + type->name +
           " blocks");
    }
    tensor.bytes = *bytes;
    gguf.tensors.push_back(tensor);
    return number<uint64_t>("a tensor's offset");
  }

  // Data begins after the last tensor's entry, at the next multiple of the alignment.
  void place(Gguf& gguf, const std::vector<uint64_t>& offsets) const {
    const uint64_t begin = (at_ + alignment_ - 1) / alignment_ * alignment_;
    const uint64_t size = begin < file_.size ? file_.size - begin : 0;
    for (size_t i = 0; i < offsets.size(); ++i) {
      Tensor& tensor = gguf.tensors[i];
      if (offsets[i] % alignment_ != 0) {
        fail("tensor " + in_quotes(tensor.name) + " lies at offset " + std::to_string(offsets[i]) +
             ", not a multiple of the alignment " + std::to_string(alignment_));
      }
      const auto bytes = static_cast<uint64_t>(tensor.bytes);
      if (offsets[i] > size || bytes > size - offsets[i]) {
        fail("tensor " + in_quotes(tensor.name) +
             " lies beyond the end of the file; is it truncated?");
      }
      tensor.data = file_.data + begin + offsets[i];
    }
    check_places(gguf.tensors, where_);
  }

  const Bytes file_;
  const std::string& where_;
  uint64_t at_ = 0;
  uint64_t alignment_ = 32;
};

}  // namespace

Gguf parse_gguf(Bytes file, const std::string& where) { return Parser(file, where).parse(); }

std::vector<int64_t> whole_numbers(const GgufArray& array) {
  std::vector<int64_t> numbers;
  const uint64_t bytes = fixed_bytes(array.type);
  if (!array.elements || array.type == kF32 || array.type == kF64) return numbers;
  for (uint64_t i = 0; i < array.count; ++i) {
    const GgufValue value = scalar(array.type, array.elements + i * bytes);
    if (const auto* number = std::get_if<uint64_t>(&value)) {
      numbers.push_back(static_cast<int64_t>(std::min<uint64_t>(*number, INT64_MAX)));
    } else if (const auto* number = std::get_if<int64_t>(&value)) {
      numbers.push_back(*number);
    }
  }
  return numbers;
}

}  // namespace membound

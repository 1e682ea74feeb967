// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "benches/compute/library_gemm/onednn.h"

namespace membound::cpu {
namespace {

// Numbers of oneDNN's enumerations, the same in versions 2 and 3.
constexpr int kCpu = 1;
constexpr int kAnyLayout = 1;
constexpr int kBf16 = 2;
constexpr int kF32 = 3;
constexpr int kQueryWeights = 131;
constexpr int kSource = 1;
constexpr int kResult = 17;
constexpr int kWeights = 33;
constexpr unsigned kInOrder = 1;
constexpr unsigned kSequential = 1;  // runtimes
constexpr unsigned kOpenMp = 2;

// More than version 2's structs take: 696 bytes for a layout, 2800 for an operation.
constexpr size_t kStructBytes = 8192;

}  // namespace

OneDnn::OneDnn() : library_({"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"}) {
  const OneDnnVersion* (*version)();
  library_.find(version, "dnnl_version");
  if (version == nullptr) return;
  version_ = version();
  if (version_->major < 2 || version_->major > 3) {
    library_.refuse("neither version 2 nor 3: " + text());
  } else if (version_->cpu_runtime != kSequential && version_->cpu_runtime != kOpenMp) {
    library_.refuse("built for another runtime than OpenMP, so that its threads can't be placed");
  } else {
    find_all();
  }
}

void OneDnn::find_all() {
  library_.find(sgemm, "dnnl_sgemm");
  library_.find(engine_create, "dnnl_engine_create");
  library_.find(stream_create, "dnnl_stream_create");
  library_.find(stream_wait, "dnnl_stream_wait");
  library_.find(memory_create, "dnnl_memory_create");
  library_.find(memory_destroy, "dnnl_memory_destroy");
  library_.find(layout_size, "dnnl_memory_desc_get_size");
  library_.find(query_layout, "dnnl_primitive_desc_query_md");
  library_.find(primitive_create, "dnnl_primitive_create");
  library_.find(primitive_destroy, "dnnl_primitive_destroy");
  library_.find(description_destroy, "dnnl_primitive_desc_destroy");
  library_.find(execute, "dnnl_primitive_execute");
  library_.find(reorder, "dnnl_reorder_primitive_desc_create");
  if (version_->major == 2) {
    library_.find(layout_init, "dnnl_memory_desc_init_by_strides");
    library_.find(layout_init_any, "dnnl_memory_desc_init_by_tag");
    library_.find(matmul_init, "dnnl_matmul_desc_init");
    library_.find(describe_operation, "dnnl_primitive_desc_create");
  } else {
    library_.find(layout_create, "dnnl_memory_desc_create_with_strides");
    library_.find(layout_create_any, "dnnl_memory_desc_create_with_tag");
    library_.find(layout_destroy, "dnnl_memory_desc_destroy");
    library_.find(describe_matmul, "dnnl_matmul_primitive_desc_create");
  }
  // Through its handle: the OpenMP runtime that it was linked with. Absent in a sequential build.
  set_threads_ = library_.optional<void(int)>("omp_set_num_threads");
}

std::string OneDnn::text() const {
  if (!usable() && version_ == nullptr) return library_.reason();
  const std::string version = "oneDNN " + std::to_string(version_->major) + "." +
                              std::to_string(version_->minor) + "." +
                              std::to_string(version_->patch);
  return usable() ? version : version + ": " + library_.reason();
}

const OneDnn& onednn() {
  static const OneDnn found;
  return found;
}

void* Matmul::layout(int64_t rows, int64_t columns, int type, bool any) {
  const OneDnn& dnn = onednn();
  const int64_t sizes[] = {rows, columns};
  const int64_t strides[] = {columns, 1};
  if (dnn.major() == 3) {
    void* made = nullptr;
    any ? dnn.layout_create_any(&made, 2, sizes, type, kAnyLayout)
        : dnn.layout_create(&made, 2, sizes, type, strides);
    return made;
  }
  void* made = std::calloc(1, kStructBytes);
  any ? dnn.layout_init_any(made, 2, sizes, type, kAnyLayout)
      : dnn.layout_init(made, 2, sizes, type, strides);
  return made;
}

Matmul::Matmul(int64_t m, int64_t n, int64_t k) : m_(m), n_(n), k_(k) {
  const OneDnn& dnn = onednn();
  dnn.engine_create(&engine_, kCpu, 0);
  dnn.stream_create(&stream_, engine_, kInOrder);
  layouts_[0] = layout(m, k, kBf16, false);
  layouts_[1] = layout(k, n, kBf16, true);
  layouts_[2] = layout(k, n, kBf16, false);
  layouts_[3] = layout(m, n, kF32, false);
  if (dnn.major() == 3) {
    dnn.describe_matmul(&description_, engine_, layouts_[0], layouts_[1], nullptr, layouts_[3],
                        nullptr);
  } else {
    void* operation = std::calloc(1, kStructBytes);
    if (dnn.matmul_init(operation, layouts_[0], layouts_[1], nullptr, layouts_[3]) == 0) {
      dnn.describe_operation(&description_, operation, nullptr, engine_, nullptr);
    }
    std::free(operation);
  }
  if (description_ != nullptr) dnn.primitive_create(&primitive_, description_);
}

// Engine and stream are shared state of the library and stay: a thread makes few of these.
Matmul::~Matmul() {
  const OneDnn& dnn = onednn();
  if (primitive_ != nullptr) dnn.primitive_destroy(primitive_);
  if (description_ != nullptr) dnn.description_destroy(description_);
  for (void* made : layouts_) dnn.major() == 3 ? void(dnn.layout_destroy(made)) : std::free(made);
}

void* Matmul::memory(const void* layout, void* data) const {
  void* made = nullptr;
  onednn().memory_create(&made, layout, engine_, data);
  return made;
}

int64_t Matmul::packed_bytes() const {
  const OneDnn& dnn = onednn();
  return static_cast<int64_t>(dnn.layout_size(dnn.query_layout(description_, kQueryWeights, 0)));
}

bool Matmul::pack(void* plain, void* packed) const {
  const OneDnn& dnn = onednn();
  const void* wanted = dnn.query_layout(description_, kQueryWeights, 0);
  void* description = nullptr;
  void* reorder = nullptr;
  if (dnn.reorder(&description, layouts_[2], engine_, wanted, engine_, nullptr) != 0) return false;
  bool done = dnn.primitive_create(&reorder, description) == 0;
  const OneDnnArgument arguments[] = {{kSource, memory(layouts_[2], plain)},
                                      {kResult, memory(wanted, packed)}};
  done = done && dnn.execute(reorder, stream_, 2, arguments) == 0 && dnn.stream_wait(stream_) == 0;
  for (const auto& argument : arguments) dnn.memory_destroy(argument.memory);
  if (reorder != nullptr) dnn.primitive_destroy(reorder);
  dnn.description_destroy(description);
  return done;
}

bool Matmul::run(void* a, void* packed, void* c) const {
  const OneDnn& dnn = onednn();
  const void* wanted = dnn.query_layout(description_, kQueryWeights, 0);
  const OneDnnArgument arguments[] = {{kSource, memory(layouts_[0], a)},
                                      {kWeights, memory(wanted, packed)},
                                      {kResult, memory(layouts_[3], c)}};
  const bool done =
      dnn.execute(primitive_, stream_, 3, arguments) == 0 && dnn.stream_wait(stream_) == 0;
  for (const auto& argument : arguments) dnn.memory_destroy(argument.memory);
  return done;
}

}  // namespace membound::cpu

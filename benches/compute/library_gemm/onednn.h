// SPDX-License-Identifier: Apache-2.0
// The few functions of oneDNN's C API that are needed, found at run time. Version 2 keeps the
// description of a memory or an operation in a struct of the caller, version 3 behind a pointer;
// Matmul hides which.
#pragma once

#include <cstdint>
#include <string>

#include "benches/compute/library_gemm/shared_library.h"

namespace membound::cpu {

struct OneDnnVersion {
  int major, minor, patch;
  const char* hash;
  unsigned cpu_runtime, gpu_runtime;
};

struct OneDnnArgument {
  int name;
  void* memory;
};

class OneDnn {
 public:
  OneDnn();
  bool usable() const { return library_.reason().empty(); }
  // Its version; what keeps it from use otherwise.
  std::string text() const;
  int major() const { return version_->major; }
  // For the calling thread and region: of the OpenMP runtime that oneDNN itself uses.
  void one_thread() const {
    if (set_threads_ != nullptr) set_threads_(1);
  }

  // Every function returns 0 for success. Handles are pointers in both versions.
  int (*sgemm)(char, char, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
               int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc);
  int (*engine_create)(void** engine, int kind, size_t index);
  int (*stream_create)(void** stream, void* engine, unsigned flags);
  int (*stream_wait)(void* stream);
  int (*memory_create)(void** memory, const void* layout, void* engine, void* data);
  int (*memory_destroy)(void* memory);
  size_t (*layout_size)(const void* layout);
  const void* (*query_layout)(const void* description, int what, int index);
  int (*primitive_create)(void** primitive, const void* description);
  int (*primitive_destroy)(void* primitive);
  int (*description_destroy)(void* description);
  int (*execute)(const void* primitive, void* stream, int count, const OneDnnArgument* arguments);
  int (*reorder)(void** description, const void* from, void* from_engine, const void* to,
                 void* to_engine, const void* attributes);
  // Version 2.
  int (*layout_init)(void* layout, int dimensions, const int64_t* sizes, int type,
                     const int64_t* strides);
  int (*layout_init_any)(void* layout, int dimensions, const int64_t* sizes, int type, int tag);
  int (*matmul_init)(void* operation, const void* a, const void* b, const void* bias,
                     const void* c);
  int (*describe_operation)(void** description, const void* operation, const void* attributes,
                            void* engine, const void* hint);
  // Version 3.
  int (*layout_create)(void** layout, int dimensions, const int64_t* sizes, int type,
                       const int64_t* strides);
  int (*layout_create_any)(void** layout, int dimensions, const int64_t* sizes, int type, int tag);
  int (*layout_destroy)(void* layout);
  int (*describe_matmul)(void** description, void* engine, const void* a, const void* b,
                         const void* bias, const void* c, const void* attributes);

 private:
  void find_all();
  SharedLibrary library_;
  const OneDnnVersion* version_ = nullptr;
  void (*set_threads_)(int) = nullptr;
};

// Opened at the first call.
const OneDnn& onednn();

// C = A . B for bf16 A and B, f32 C, of one shape, on one thread. B's layout is oneDNN's choice.
class Matmul {
 public:
  Matmul(int64_t m, int64_t n, int64_t k);
  ~Matmul();
  Matmul(const Matmul&) = delete;
  Matmul& operator=(const Matmul&) = delete;

  bool is(int64_t m, int64_t n, int64_t k) const { return m == m_ && n == n_ && k == k_; }
  bool ok() const { return primitive_ != nullptr; }
  int64_t packed_bytes() const;
  // False where it fails.
  bool pack(void* plain, void* packed) const;
  bool run(void* a, void* packed, void* c) const;

 private:
  void* layout(int64_t rows, int64_t columns, int type, bool any);
  void* memory(const void* layout, void* data) const;

  int64_t m_, n_, k_;
  void* engine_ = nullptr;
  void* stream_ = nullptr;
  void* layouts_[4] = {};  // A, B as it is wanted, B in plain rows, C
  void* description_ = nullptr;
  void* primitive_ = nullptr;
};

}  // namespace membound::cpu

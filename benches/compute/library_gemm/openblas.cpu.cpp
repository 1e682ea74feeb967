// SPDX-License-Identifier: Apache-2.0
// C[m][n] = A[m][k] . B[k][n] by OpenBLAS, rows in order; each thread of the team calls it for its
// own rows of C, and OpenBLAS starts no threads of its own.
// buffer 0 A, 1 B, 2 C; n: 0 m, 1 n, 2 k. library_gemm/describe/openblas comes first.
#include <cstdlib>

#include "benches/compute/library_gemm/shared_library.h"

namespace membound::cpu {
namespace {

// From the CBLAS standard.
constexpr int kRowMajor = 101;
constexpr int kNoTranspose = 111;

template <typename T>
using Gemm = void(int order, int transpose_a, int transpose_b, int m, int n, int k, T alpha,
                  const T* a, int lda, const T* b, int ldb, T beta, T* c, int ldc);

struct OpenBlas {
  SharedLibrary opened;
  Gemm<float>* sgemm;
  Gemm<double>* dgemm;
  const char* (*config)();
  void (*set_threads)(int);

  OpenBlas() : opened({"libopenblas.so.0", "libopenblas.so"}) {
    opened.find(sgemm, "cblas_sgemm");
    opened.find(dgemm, "cblas_dgemm");
    opened.find(config, "openblas_get_config");
    opened.find(set_threads, "openblas_set_num_threads");
    if (opened.reason().empty()) set_threads(1);
  }
};

OpenBlas& openblas() {
  static OpenBlas found = [] {
    // Or it would start its threads, which spin, when it is opened.
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    return OpenBlas();
  }();
  return found;
}

void Describe(const Args& args, Team team) {
  if (team.thread != 0) return;
  const OpenBlas& blas = openblas();
  const bool usable = blas.opened.reason().empty();
  describe(args, usable, usable ? blas.config() : blas.opened.reason());
}

template <typename T>
void gemm(const Args& args, Team team, Gemm<T>* function) {
  const Range rows = share(args.n[0], 1, team);
  const auto n = static_cast<int>(args.n[1]), k = static_cast<int>(args.n[2]);
  if (rows.begin == rows.end) return;
  function(kRowMajor, kNoTranspose, kNoTranspose, static_cast<int>(rows.end - rows.begin), n, k,
           T{1}, pointer<T>(args, 0) + rows.begin * k, k, pointer<T>(args, 1), n, T{0},
           pointer<T>(args, 2) + rows.begin * n, n);
}

const Registrar describe_registrar("library_gemm/describe/openblas", Describe);
const Registrar f32_registrar("library_gemm/f32/openblas", [](const Args& args, Team team) {
  gemm<float>(args, team, openblas().sgemm);
});
const Registrar f64_registrar("library_gemm/f64/openblas", [](const Args& args, Team team) {
  gemm<double>(args, team, openblas().dgemm);
});

}  // namespace
}  // namespace membound::cpu

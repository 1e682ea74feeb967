// SPDX-License-Identifier: Apache-2.0
// C[m][n] = A[m][k] . B[k][n] by oneDNN 2 or 3, rows in order; each thread of the team calls it for
// its own rows of C. oneDNN runs on one thread where it is called inside a parallel region.
// buffer 0 A, 1 B, 2 C; n: 0 m, 1 n, 2 k. library_gemm/describe/onednn comes first.
//   f32   dnnl_sgemm
//   bf16  the matmul primitive; C in f32; B as library_gemm/pack/bf16/onednn left it
#include "benches/compute/library_gemm/onednn.h"

#include <memory>

namespace membound::cpu {
namespace {

void Describe(const Args& args, Team team) {
  if (team.thread == 0) describe(args, onednn().usable(), onednn().text());
}

void Sgemm(const Args& args, Team team) {
  const Range rows = share(args.n[0], 1, team);
  const int64_t n = args.n[1], k = args.n[2];
  if (rows.begin == rows.end) return;
  onednn().one_thread();
  onednn().sgemm('N', 'N', rows.end - rows.begin, n, k, 1.0f,
                 pointer<float>(args, 0) + rows.begin * k, k, pointer<float>(args, 1), n, 0.0f,
                 pointer<float>(args, 2) + rows.begin * n, n);
}

// Each thread keeps the primitive of the shape that it had last; making one takes longer than a
// call of it.
Matmul& matmul(int64_t m, int64_t n, int64_t k) {
  static thread_local std::unique_ptr<Matmul> last;
  if (last == nullptr || !last->is(m, n, k)) last = std::make_unique<Matmul>(m, n, k);
  return *last;
}

// buffer 0 B, 1 the same as oneDNN wants it, 2 int32: 1 where that fits; n: 0 m, 1 n, 2 k, 3 bytes
// of buffer 1. m is a multiple of the team: the layout may depend on the rows of a thread.
void Pack(const Args& args, Team team) {
  if (team.thread != 0) return;
  onednn().one_thread();
  Matmul& product = matmul(args.n[0] / team.threads, args.n[1], args.n[2]);
  const bool fits = product.ok() && product.packed_bytes() <= args.n[3];
  *pointer<int32_t>(args, 2) =
      fits && product.pack(pointer<void>(args, 0), pointer<void>(args, 1)) ? 1 : 0;
}

void MatmulBf16(const Args& args, Team team) {
  const Range rows = share(args.n[0], 1, team);
  const int64_t n = args.n[1], k = args.n[2];
  if (rows.begin == rows.end) return;
  onednn().one_thread();
  matmul(rows.end - rows.begin, n, k)
      .run(pointer<uint16_t>(args, 0) + rows.begin * k, pointer<void>(args, 1),
           pointer<float>(args, 2) + rows.begin * n);
}

const Registrar describe_registrar("library_gemm/describe/onednn", Describe);
const Registrar f32_registrar("library_gemm/f32/onednn", Sgemm);
const Registrar pack_registrar("library_gemm/pack/bf16/onednn", Pack);
const Registrar bf16_registrar("library_gemm/bf16/onednn", MatmulBf16);

}  // namespace
}  // namespace membound::cpu

// SPDX-License-Identifier: Apache-2.0
// The other ceiling: multiply-adds of vectors on registers alone, for each type that a device's
// vector units take. One multiply-add counts as two flops, of integers too.
#include "benches/compute/fma/reference.h"
#include "benches/harness/bench.h"
#include "benches/harness/workspace.h"

namespace membound {
namespace {

constexpr int64_t kResultsPerUnit = 12288;  // whole register blocks on every known device
constexpr int64_t kTurns = 8192;  // so many that starting a block or a launch costs nothing
constexpr int64_t kCheckedTurns = 100;

std::string kernel_name(const FmaType& type) { return "fma/" + type.dtype; }

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const FmaType& type : fma_types()) names.push_back(kernel_name(type));
  return names;
}

std::vector<Case> cases(Workspace& workspace) {
  std::vector<Case> all;
  for (const FmaType& type : fma_types()) {
    if (workspace.device().find_kernel(kernel_name(type)) != nullptr) {
      all.push_back({type.dtype, {}});
    }
  }
  return all;
}

Check check(const Device& device, const FmaType& type, Launch launch) {
  launch.args.n[1] = kCheckedTurns;
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const int64_t bytes = launch.args.n[0] * type.result_bytes;
  const auto host = [&](int buffer, int64_t size) {
    return device.to_host<char>(launch.args.buffer[buffer].data, size);
  };
  return check_fma(type, kCheckedTurns, host(0, bytes), host(1, bytes), host(2, kFmaVectorBytes),
                   host(3, kFmaVectorBytes));
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const FmaType& type = fma_type(c.dtype);
  const int64_t results = device.info().compute_units * kResultsPerUnit;
  const int64_t bytes = results * type.result_bytes;
  Prepared prepared;
  prepared.kernel = kernel_name(type);
  Launch launch{.kernel = device.need_kernel(prepared.kernel),
                .args = {.n = {results, kTurns}, .scalar = {type.factor, type.addend}},
                .depends = -1};
  const auto operand = [&](int index, const std::vector<char>& values) {
    prepared.buffers.push_back(device.alloc(static_cast<int64_t>(values.size())));
    void* data = prepared.buffers.back().data();
    device.copy(data, values.data(), static_cast<int64_t>(values.size()));
    launch.args.buffer[index] = {data, 0};
  };
  operand(0, fma_start(type, results));
  operand(1, std::vector<char>(bytes));
  operand(2, fma_vector(type, 1));
  operand(3, fma_vector(type, 2));
  prepared.launches = {launch};
  prepared.work = {.activation_bytes = 2 * bytes,
                   .flops = {{type.dtype, 2 * type.multiply_adds * results * kTurns}}};
  prepared.check = [&workspace, &type, launch] { return check(workspace.device(), type, launch); };
  return prepared;
}

const BenchRegistrar registrar(
    {.family = "compute",
     .name = "fma",
     .question = "y = y * a + b or y += a . b in registers: how fast are vector units?",
     .stage = Stage::kCeiling,
     .light = true,
     .cases = cases,
     .any_kernel_of = kernel_names(),
     .prepare = prepare});

}  // namespace
}  // namespace membound

// SPDX-License-Identifier: Apache-2.0
#include "benches/inference/experts/plan.h"
#include "benches/inference/model_cases.h"
#include "benches/model/reference.h"

namespace membound {
namespace {

struct Routing {
  int64_t rows, experts, chosen;
  bool renormalises;
  int64_t pairs() const { return rows * chosen; }
};

// Each expert's tokens and each token's weights, whatever the order of slots.
Check check_route(const Device& device, const Launch& launch, const Routing& r) {
  const auto logits = device.to_host<float>(launch.args.buffer[0].data, r.rows * r.experts);
  device.run({.launches = &launch, .count = 1, .ordered = 1});
  const auto weights = device.to_host<float>(launch.args.buffer[1].data, r.pairs());
  auto buffer = device.to_host<int32_t>(launch.args.buffer[2].data,
                                        ExpertPlan::bytes(r.experts, r.pairs()) / 4);
  const ExpertPlan plan(buffer.data(), r.experts, r.pairs());
  int64_t wrong = 0;
  std::vector<double> expected;
  std::vector<bool> touched(r.experts);
  for (int64_t row = 0; row < r.rows; ++row) {
    const auto begin = logits.begin() + row * r.experts;
    const auto choices = reference::route({begin, begin + r.experts}, r.chosen, r.renormalises);
    for (int64_t i = 0; i < r.chosen; ++i) {
      const auto [expert, weight] = choices[i];
      expected.push_back(weight);
      touched[expert] = true;
      // The slot of this pair is one of that expert's and leads back to the token.
      const int32_t slot = plan.slot_of_pair[row * r.chosen + i];
      const int32_t* at = std::upper_bound(plan.first_slot, plan.first_slot + *plan.touched, slot);
      const int64_t index = at - plan.first_slot - 1;
      wrong += plan.expert[index] != expert || plan.token_of_slot[slot] != row ? 1 : 0;
    }
  }
  wrong += std::count(touched.begin(), touched.end(), true) != *plan.touched ? 1 : 0;
  wrong += plan.first_slot[*plan.touched] != r.pairs() ? 1 : 0;
  if (wrong > 0) {
    return {.ok = false, .what = "experts of each token, wrong ones", .max_error = 1.0 * wrong};
  }
  return compare("experts exactly; weights against float64, error over the largest", 1e-6, weights,
                 expected);
}

Prepared prepare(Workspace& workspace, const Case& c) {
  const Device& device = workspace.device();
  const Routing r{integer(c, "rows"), integer(c, "experts"), integer(c, "chosen"),
                  workspace.options().model->norm_top_k};
  Prepared prepared;
  prepared.buffers.push_back(random_floats(device, r.rows * r.experts, 71));
  prepared.buffers.push_back(device.alloc(r.pairs() * 4));
  prepared.buffers.push_back(device.alloc(ExpertPlan::bytes(r.experts, r.pairs())));
  prepared.buffers.push_back(device.alloc(sizeof(ExpertCounters)));
  Launch launch{.kernel = device.need_kernel("route/f32"),
                .args = {.n = {r.rows, r.experts, r.chosen, r.renormalises ? 1 : 0}},
                .depends = -1};
  for (int i = 0; i < 4; ++i) launch.args.buffer[i] = {prepared.buffers[i].data()};
  prepared.launches = {launch};
  prepared.check = [&device, launch, r] { return check_route(device, launch, r); };
  return prepared;
}

const BenchRegistrar registrar(kernel_bench("route", "the experts of each token, from its logits",
                                            {"route/f32", "fill/f32"}, prepare));

}  // namespace
}  // namespace membound

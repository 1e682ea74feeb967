// SPDX-License-Identifier: Apache-2.0
// What a function queues on a stream, kept so that it can be queued again at once: a graph. A
// runtime without graphs (MEMBOUND_GPU_WITHOUT_GRAPHS) calls the function again.
#pragma once

#include <functional>
#include <utility>

#include "backends/gpu/resources.h"

namespace membound::gpu {

#ifdef MEMBOUND_GPU_WITHOUT_GRAPHS

class Replay {
 public:
  Replay(cudaStream_t, std::function<void()> body) : body_(std::move(body)) {}
  void launch(cudaStream_t) const { body_(); }

 private:
  std::function<void()> body_;
};

#else

using Graph = Owner<cudaGraph_t, &cudaGraphDestroy>;
using GraphExec = Owner<cudaGraphExec_t, &cudaGraphExecDestroy>;

class Replay {
 public:
  // Calls the body once, while the stream only records.
  Replay(cudaStream_t stream, const std::function<void()>& body) {
    GPU_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    cudaGraph_t captured = nullptr;
    try {
      body();
    } catch (...) {
      // The stream must leave capture mode, whatever went wrong.
      (void)cudaStreamEndCapture(stream, &captured);
      const Graph discarded(captured);
      throw;
    }
    GPU_CHECK(cudaStreamEndCapture(stream, &captured));
    const Graph graph(captured);
    cudaGraphExec_t exec = nullptr;
    GPU_CHECK(cudaGraphInstantiateWithFlags(&exec, graph.get(), 0));
    exec_ = GraphExec(exec);
    upload(exec, stream);
  }

  void launch(cudaStream_t stream) const { GPU_CHECK(cudaGraphLaunch(exec_.get(), stream)); }

 private:
  GraphExec exec_;
};

#endif

}  // namespace membound::gpu

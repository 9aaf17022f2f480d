//===- GpuBench.h - What is measured on a graphics processor ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_GPU_GPUBENCH_H
#define ETCH_TEST_GPU_GPUBENCH_H

#include "etch/etch.h"

#include <functional>
#include <string>
#include <vector>

namespace etch::gpu {

/// Something compiled: a call, and what it launches.
struct Prepared {
  std::function<void()> call;
  std::function<int()> launches;
};

/// One way to do a workload.
struct Variant {
  std::string name; ///< "etch", "etch tf32", "etch own kernels"
  std::function<Prepared()> prepare;
};

struct Workload {
  std::string name;
  std::string op;      ///< for gpu_peers.py: the operation…
  std::string options; ///< …and "key=value key=value"
  std::string goal;    ///< what the figure should be
  double bytes = 0;    ///< that must move in a call; 0: not what matters
  double flops = 0;
  std::vector<Variant> variants;
  std::vector<std::string> peers; ///< systems and their precisions
};

std::vector<Workload> workloads();

} // namespace etch::gpu

#endif // ETCH_TEST_GPU_GPUBENCH_H

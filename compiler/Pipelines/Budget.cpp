//===- Budget.cpp - what to compute again so that a program fits ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines/Pipelines.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace etch;

using Choice = PipelineOptions::Rematerialisation;

Choice etch::fitToBudget(ModuleOp module, const PipelineOptions &options) {
  PipelineOptions trial = options;
  trial.memoryBudget = 0;
  trial.describe = false;
  auto bytesWith = [&](const Choice &choice) {
    trial.rematerialisation = choice;
    OwningOpRef<ModuleOp> copy(module.clone());
    PassManager passes(module.getContext(), ModuleOp::getOperationName());
    passes.enableVerifier(false);
    buildPhasePipeline(passes, trial, Phase::fuse);
    buildPhasePipeline(passes, trial, Phase::bufferize);
    if (failed(passes.run(*copy)))
      return INT64_MAX;
    auto bytes = (*copy)->getAttrOfType<IntegerAttr>("etch.arena_bytes");
    return bytes ? bytes.getInt() : INT64_MAX;
  };
  Choice best;
  int64_t least = bytesWith(best);
  // Cheap values first; products only if that is not enough.
  for (bool products : {false, true}) {
    for (int64_t segments : {16, 8, 6, 4, 3, 2, 1}) {
      if (least <= options.memoryBudget)
        break;
      Choice choice = {segments, products, 100};
      if (int64_t bytes = bytesWith(choice); bytes < least) {
        least = bytes;
        best = choice;
      }
    }
  }
  // As little as will do.
  if (best.segments && least <= options.memoryBudget)
    for (int64_t step = 32; step >= 4; step /= 2) {
      Choice less = best;
      less.share -= step;
      if (less.share > 0 && bytesWith(less) <= options.memoryBudget)
        best = less;
    }
  return best;
}

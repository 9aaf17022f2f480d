//===- Pipelines.h - which passes make up a phase ------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_PIPELINES_PIPELINES_H
#define ETCH_COMPILER_PIPELINES_PIPELINES_H

#include "compiler/Pipelines/Phases.h"
#include "compiler/Transforms/PoolConvolutions.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <functional>

namespace etch {

/// What of the compiler's options the target-independent phases depend on.
struct PipelineOptions {
  /// Mode `fast`: values may differ from those of the definition within the
  /// bound that `etch-relax` states.
  bool fast = false;
  /// Bytes that the arena may take; 0 is no limit.
  int64_t memoryBudget = 0;
  /// Run-time checks are inserted.
  bool checkValues = false, checkBounds = false;
  /// Optional passes that are left out: names, with commas between them.
  std::string without;
  /// What is computed again so that the program fits (see Rematerialise).
  struct Rematerialisation {
    int64_t segments = 0;
    bool products = false;
    int64_t share = 100;
  };
  Rematerialisation rematerialisation;
  /// The target knows kernels of several stages (see Stages.h).
  bool rows = false;
  /// The target runs updates that follow one another as one.
  bool joins = false;
  /// What depends on states alone is computed once (see Freeze).
  bool freeze = false;
  /// The target's kernels read and write f32 that is stored as bf16, and the
  /// program agrees to that.
  bool narrow = false;
  /// Which convolutions of the target end in a pool; null: none.
  EndsInPool endsInPool;
  /// The target's convolutions want channels last (see ChannelsLast); sums may
  /// come in another order.
  bool channelsLast = false;
  /// Each buffer of the arena gets pages of its own.
  bool guardPages = false;
  /// Programs say what lives where and when (see Describe.h).
  bool describe = false;
};

/// What is wrong with a list for PipelineOptions::without; "" if all is well.
std::string unknownPass(llvm::StringRef without);

/// Called when an optional pass has been added: tests plant a fault behind it.
extern std::function<void(mlir::OpPassManager &, llvm::StringRef)>
    behindOptionalPass;

/// The passes of each phase, followed by the wall that checks what it left.
void buildDifferentiatePipeline(mlir::OpPassManager &pm,
                                const PipelineOptions &options);
void buildSimplifyPipeline(mlir::OpPassManager &pm,
                           const PipelineOptions &options);
void buildFusePipeline(mlir::OpPassManager &pm, const PipelineOptions &options);
void buildBufferizePipeline(mlir::OpPassManager &pm,
                            const PipelineOptions &options);

/// The passes of one phase; none for `trace` and for those of a target.
void buildPhasePipeline(mlir::OpPassManager &pm, const PipelineOptions &options,
                        Phase phase);
/// All phases up to and including `upTo`, at most to `bufferize`.
void buildPipeline(mlir::OpPassManager &pm, const PipelineOptions &options,
                   Phase upTo);

/// For a simplified program: what to compute again so that its arena takes no
/// more than `options.memoryBudget`, or as little as can be found. Tries plans
/// on copies.
PipelineOptions::Rematerialisation fitToBudget(mlir::ModuleOp module,
                                               const PipelineOptions &options);

/// Registers passes and pipelines (`--etch-<phase>-pipeline`) for tools.
void registerEtchPasses();
/// The dialects that programs and the passes above use.
void registerEtchDialects(mlir::DialectRegistry &registry);

} // namespace etch

#endif // ETCH_COMPILER_PIPELINES_PIPELINES_H

//===- Pipelines.cpp - which passes make up a phase
//------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines/Pipelines.h"

#include "compiler/Buffer/Passes.h"
#include "compiler/Driver/Client/OptionalPasses.h"
#include "compiler/Pipelines/Passes.h"
#include "compiler/Transforms/Passes.h"

#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace etch;

std::function<void(OpPassManager &, StringRef)> etch::behindOptionalPass;

static bool isLeftOut(const PipelineOptions &options, StringRef name) {
  SmallVector<StringRef> names;
  StringRef(options.without).split(names, ',');
  return llvm::is_contained(names, name);
}

std::string etch::unknownPass(StringRef without) {
  SmallVector<StringRef> names;
  without.split(names, ',', -1, /*KeepEmpty=*/false);
  for (StringRef name : names)
    if (!llvm::is_contained(optionalPasses, std::string_view(name))) {
      std::string text = "'" + name.str() + "' is no optional pass; there are";
      for (std::string_view known : optionalPasses)
        text.append(" ").append(known);
      return text;
    }
  return "";
}

static void addUnlessLeftOut(OpPassManager &pm, const PipelineOptions &options,
                             std::unique_ptr<Pass> pass) {
  StringRef name = pass->getArgument();
  assert(llvm::is_contained(optionalPasses, std::string_view(name)) &&
         "in Phases.h");
  if (isLeftOut(options, name))
    return;
  pm.addPass(std::move(pass));
  if (behindOptionalPass)
    behindOptionalPass(pm, name);
}

// --etch-differentiate-pipeline
void etch::buildDifferentiatePipeline(OpPassManager &pm,
                                      const PipelineOptions &options) {
  addUnlessLeftOut(pm, options, createReroll());
  pm.addPass(createDifferentiate());
  pm.addPass(createVerifyDifferentiate());
}

// --etch-simplify-pipeline
void etch::buildSimplifyPipeline(OpPassManager &pm,
                                 const PipelineOptions &options) {
  pm.addPass(createSimplify({isLeftOut(options, "etch-simplify")}));
  if (options.fast)
    addUnlessLeftOut(pm, options, createRelax());
  addUnlessLeftOut(pm, options, createHoist());
  addUnlessLeftOut(pm, options, createRecomputeKept());
  if (options.checkValues || options.checkBounds)
    pm.addPass(createInsertChecks({options.checkValues, options.checkBounds}));
  pm.addPass(createVerifySimplify());
}

// --etch-fuse-pipeline
void etch::buildFusePipeline(OpPassManager &pm,
                             const PipelineOptions &options) {
  pm.addPass(createOutlineRegions());
  if (options.channelsLast)
    addUnlessLeftOut(pm, options, createChannelsLast());
  // Back ends know canonical ops only.
  pm.addPass(createExpand({isLeftOut(options, "etch-simplify")}));
  if (options.freeze)
    pm.addPass(createFreeze());
  // Undoes some merging of equal ops, so it comes after the last of it.
  if (const auto &again = options.rematerialisation; again.segments)
    addUnlessLeftOut(
        pm, options,
        createRematerialise({again.segments, again.products, again.share}));
  addUnlessLeftOut(pm, options, createRecompute());
  pm.addPass(createFuse(
      {isLeftOut(options, "etch-fuse"), options.rows && !options.joins}));
  if (options.fast)
    addUnlessLeftOut(pm, options, createContract());
  if (options.rows)
    addUnlessLeftOut(pm, options, createStage());
  if (options.narrow)
    addUnlessLeftOut(pm, options, createNarrow());
  if (options.endsInPool)
    addUnlessLeftOut(pm, options, createPoolConvolutions(options.endsInPool));
  pm.addPass(createVerifyFuse());
}

// --etch-bufferize-pipeline
void etch::buildBufferizePipeline(OpPassManager &pm,
                                  const PipelineOptions &options) {
  addUnlessLeftOut(pm, options, createOrder({options.joins, !options.joins}));
  pm.addPass(createBufferize(
      {options.memoryBudget,
       options.guardPages || isLeftOut(options, "etch-bufferize"),
       !options.joins, options.describe}));
  if (behindOptionalPass)
    behindOptionalPass(pm, "etch-bufferize");
  pm.addPass(createVerifyBufferize());
}

void etch::buildPhasePipeline(OpPassManager &pm, const PipelineOptions &options,
                              Phase phase) {
  switch (phase) {
  case Phase::differentiate:
    return buildDifferentiatePipeline(pm, options);
  case Phase::simplify:
    return buildSimplifyPipeline(pm, options);
  case Phase::fuse:
    return buildFusePipeline(pm, options);
  case Phase::bufferize:
    return buildBufferizePipeline(pm, options);
  case Phase::trace:
  case Phase::codegen:
  case Phase::object:
    return;
  }
}

void etch::buildPipeline(OpPassManager &pm, const PipelineOptions &options,
                         Phase upTo) {
  for (const PhaseInfo &info : allPhases())
    if (info.phase <= upTo)
      buildPhasePipeline(pm, options, info.phase);
}

void etch::registerEtchPasses() {
  registerEtchTransformsPasses();
  registerEtchBufferPasses();
  registerEtchPipelinesPasses();
  for (const PhaseInfo &info : allPhases()) {
    if (info.phase == Phase::trace || info.phase > Phase::bufferize)
      continue;
    Phase phase = info.phase;
    PassPipelineRegistration<>(
        "etch-" + std::string(info.name) + "-pipeline", info.description,
        [phase](OpPassManager &pm) { buildPhasePipeline(pm, {}, phase); });
  }
}

void etch::registerEtchDialects(DialectRegistry &registry) {
  registry.insert<EtchDialect, device::DeviceDialect, arith::ArithDialect,
                  func::FuncDialect, memref::MemRefDialect,
                  tensor::TensorDialect>();
}

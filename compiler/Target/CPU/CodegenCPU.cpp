//===- CodegenCPU.cpp - Bufferized programs to LLVM, for CPUs -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/CodegenCPU.h"

#include "compiler/Target/CPU/Entry.h"
#include "compiler/Target/CPU/Prepack.h"
#include "dialects/Device/DeviceDialect.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

void etch::cpu::emitConstants(ModuleOp module) {
  for (auto op :
       llvm::make_early_inc_range(module.getOps<memref::GlobalOp>())) {
    auto data = cast<DenseElementsAttr>(*op.getInitialValue());
    Emit e(module.getContext(), op.getLoc());
    e.setInsertionPointAfter(op);
    if (data.getElementType().isInteger(1))
      data = data.mapValues(e.getI8Type(),
                            [](const APInt &bit) { return bit.zext(8); });
    data = data.reshape(
        RankedTensorType::get({data.getNumElements()}, data.getElementType()));
    std::string name = op.getSymName().str();
    op.erase();
    e.make<LLVM::GlobalOp>(
        LLVM::LLVMArrayType::get(data.getElementType(), data.getNumElements()),
        /*isConstant=*/true, LLVM::Linkage::Internal, name, data, 64);
  }
}

namespace {

struct CodegenPass : PassWrapper<CodegenPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CodegenPass)

  CodegenPass(const CodegenOptions &chosen = {}) {
    vectorBits = chosen.vectorBits;
    cacheBytes = chosen.cacheBytes;
    quick = chosen.quick;
    bf16 = chosen.bf16;
    amx = chosen.amx;
    query = chosen.query;
    name = chosen.name;
    target = chosen.target;
    hash = chosen.programHash;
    descriptiveNames = chosen.descriptiveNames;
    profileBytes = chosen.profileBytes;
    profileCapacity = chosen.profileCapacity;
  }
  CodegenPass(const CodegenPass &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "etch-codegen-cpu"; }
  StringRef getDescription() const override {
    return "Bufferized programs to the LLVM dialect, for CPUs";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect, arith::ArithDialect, scf::SCFDialect,
                    math::MathDialect, vector::VectorDialect,
                    cf::ControlFlowDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    CodegenOptions options;
    options.vectorBits = vectorBits;
    options.cacheBytes = cacheBytes;
    options.quick = quick;
    options.bf16 = bf16;
    options.amx = amx;
    options.query = query;
    options.name = name;
    options.target = target;
    options.programHash = hash;
    options.descriptiveNames = descriptiveNames;
    options.profileBytes = profileBytes;
    options.profileCapacity = profileCapacity;

    Kernels kernels;
    bool ok = true;
    auto sources = llvm::to_vector(module.getOps<func::FuncOp>());
    for (func::FuncOp source : sources) {
      if (!source->hasAttr(kKernelAttr))
        continue;
      std::string kernelName = source.getSymName().str();
      auto kernel = std::make_unique<Kernel>(source, options);
      ok &= succeeded(kernel->emit());
      kernels[kernelName] = std::move(kernel);
    }
    if (!ok)
      return signalPassFailure();
    if (failed(prepackOperands(module, kernels, options)))
      return signalPassFailure();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    FailureOr<EntryPoints> entry = emitEntryPoints(module, kernels, options);
    if (failed(entry))
      return signalPassFailure();
    emitTables(module, main, *entry, kernels.size(), options);
    emitConstants(module);
    kernels.clear();
    for (auto source :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      source.erase();
    for (NamedAttribute attr : llvm::to_vector(module->getDiscardableAttrs()))
      module->removeAttr(attr.getName());
    if (stop != "loops" && failed(lowerToLLVM(module)))
      signalPassFailure();
  }

  Option<unsigned> vectorBits{*this, "vector-bits",
                              llvm::cl::desc("Bits of a vector register"),
                              llvm::cl::init(256)};
  Option<int64_t> cacheBytes{*this, "cache-bytes",
                             llvm::cl::desc("Of a core's second cache"),
                             llvm::cl::init(1 << 20)};
  Option<bool> quick{*this, "quick",
                     llvm::cl::desc("Less code, if a little slower"),
                     llvm::cl::init(false)};
  Option<bool> bf16{*this, "bf16",
                    llvm::cl::desc("Products round operands to bfloat16"),
                    llvm::cl::init(false)};
  Option<bool> amx{*this, "amx",
                   llvm::cl::desc("The target has tile registers"),
                   llvm::cl::init(false)};
  Option<std::string> query{*this, "query",
                            llvm::cl::desc("Name of the query function"),
                            llvm::cl::init("etch_query")};
  Option<std::string> name{*this, "name", llvm::cl::desc("Name of the module"),
                           llvm::cl::init("etch")};
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("What the module was compiled for"),
                             llvm::cl::init("")};
  Option<uint64_t> hash{*this, "hash", llvm::cl::desc("Of the program"),
                        llvm::cl::init(0)};
  Option<bool> descriptiveNames{
      *this, "descriptive-names",
      llvm::cl::desc("Kernels are named after what they compute"),
      llvm::cl::init(false)};
  Option<int64_t> profileBytes{
      *this, "profile-bytes",
      llvm::cl::desc("Of the arena's start, for times of launches"),
      llvm::cl::init(0)};
  Option<int64_t> profileCapacity{
      *this, "profile-capacity",
      llvm::cl::desc("How many launches of a run are timed"),
      llvm::cl::init(0)};
  Option<std::string> stop{
      *this, "stop",
      llvm::cl::desc("`loops`: leave control flow and arithmetic as they are"),
      llvm::cl::init("")};
};

} // namespace

std::unique_ptr<Pass>
etch::cpu::createCodegenPass(const CodegenOptions &options) {
  return std::make_unique<CodegenPass>(options);
}

void etch::cpu::registerCodegenPass() {
  registerPass([] { return createCodegenPass({}); });
}

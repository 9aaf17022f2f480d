//===- CodegenCUDA.cpp - Kernels to CUDA C++ ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/CodegenCUDA.h"

#include "compiler/Target/CUDA/Entry.h"
#include "compiler/Target/CUDA/Exclusive.h"
#include "compiler/Target/CUDA/Join.h"
#include "compiler/Target/CUDA/Nvrtc.h"
#include "compiler/Target/CUDA/Prelude.h"
#include "compiler/Target/CUDA/Printer.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

FailureOr<std::vector<std::string>>
etch::cuda::emitKernels(ModuleOp module, ModuleOp device, Kernels &kernels) {
  std::vector<std::string> texts;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr(kKernelAttr))
      continue;
    size_t number = kernels.entries.size();
    kernels.numbers[function.getSymName()] = number;
    kernels.entries.emplace_back();
    Kernels::Entry &entry = kernels.entries.back();
    entry.kernel = std::make_unique<Kernel>(function, device);
    entry.number = number;
    Kernel &k = *entry.kernel;
    k.precision = kernels.tensorCores ? kernels.precision : 0;
    if (failed(k.emit()))
      return failure();
    if (kernels.libraries) {
      entry.columnSum = isColumnSum(function);
      entry.library = findLibraryWork(function);
      // The kernel of the rest comes next.
      if (entry.library && canHaveRest(*entry.library)) {
        makeRest(function, entry.library->op);
        entry.rest = number + 1;
      }
    }
    llvm::raw_string_ostream os(texts.emplace_back());
    Printer printer(os);
    if (k.usesTensorCores)
      os << productText();
    bool fixed = llvm::all_of(
        k.slots, [](const Slot &slot) { return slot.kind == Slot::pointer; });
    SmallVector<Extents> shapes;
    for (const Buffer &buffer : k.buffers)
      shapes.push_back(buffer.extents);
    for (const Stage &stage : k.stages) {
      auto bound =
          stage.function->getAttrOfType<IntegerAttr>(kBlocksPerProcessorAttr);
      // Where registers are bounded, ptxas has its own balance.
      if (!bound || bound.getInt() != 2)
        stage.function->setAttr(kThreadsAttr,
                                k.e.getI64IntegerAttr(stage.threads));
      if (Ix blocks = fixed ? stage.blocks(k.e, shapes) : Ix(0);
          blocks.isKnown())
        stage.function->setAttr(kBlocksAttr,
                                k.e.getI64IntegerAttr(blocks.known));
      std::string prefix = "ETCH_KERNEL(" + std::to_string(stage.threads);
      if (bound)
        prefix += ", " + std::to_string(bound.getInt());
      prefix += ")";
      if (failed(printer.print(stage.function, prefix)))
        return failure();
      os << "\n";
    }
  }
  return texts;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

namespace {

struct CodegenPass : PassWrapper<CodegenPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CodegenPass)

  CodegenPass(const cpu::CodegenOptions &options, DeviceOptions device)
      : options(options), architectures(std::move(device.architectures)),
        libraries(device.libraries), precision(device.precision) {}

  StringRef getArgument() const override { return "etch-codegen-cuda"; }
  StringRef getDescription() const override {
    return "Bufferized programs to the LLVM dialect, with kernels for CUDA";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect, arith::ArithDialect, scf::SCFDialect,
                    math::MathDialect, vector::VectorDialect,
                    cf::ControlFlowDialect>();
  }

  void runOnOperation() override {
    if (failed(run(getOperation())))
      signalPassFailure();
  }

  LogicalResult run(ModuleOp module);
  LogicalResult compileKernels(ModuleOp module, ArrayRef<std::string> texts);

  cpu::CodegenOptions options;
  std::vector<std::string> architectures;
  bool libraries;
  int32_t precision;
};

} // namespace

/// Kernels are compiled some at a time: each time has its price, and they are
/// done in parallel and kept by their text.
static std::vector<std::string> grouped(ArrayRef<std::string> texts) {
  constexpr size_t enough = 32 << 10;
  std::vector<std::string> groups;
  for (const std::string &text : texts) {
    if (groups.empty() || groups.back().size() >= enough)
      groups.push_back(preludeText().str());
    groups.back() += text;
  }
  return groups;
}

LogicalResult CodegenPass::compileKernels(ModuleOp module,
                                          ArrayRef<std::string> texts) {
  if (texts.empty())
    return success();
  if (llvm::Expected<std::string> version = nvrtcVersion(); !version)
    return mlir::emitError(module.getLoc())
           << "kernels for " << llvm::join(architectures, ", ")
           << " cannot be compiled: " << llvm::toString(version.takeError());
  std::vector<std::string> groups = grouped(texts);
  std::vector<CubinRequest> requests;
  for (const std::string &architecture : architectures)
    for (const std::string &group : groups)
      requests.push_back({group, architecture});
  bool ok = true;
  for (auto [request, code] :
       llvm::zip_equal(requests, compileToCode(requests))) {
    if (code) {
      options.images.push_back({request.architecture.str(), std::move(*code)});
      continue;
    }
    ok = false;
    mlir::emitError(module.getLoc())
        << "internal error: " << llvm::toString(code.takeError());
  }
  return success(ok);
}

LogicalResult CodegenPass::run(ModuleOp module) {
  OwningOpRef<ModuleOp> device = ModuleOp::create(module.getLoc());
  Kernels kernels;
  kernels.libraries = libraries;
  kernels.precision = precision;
  kernels.profile = options.profileBytes != 0;
  // Devices before those of sm_80 have other instructions.
  kernels.tensorCores = llvm::none_of(architectures, [](StringRef name) {
    int number = 0;
    return !name.split('_').second.consumeInteger(10, number) && number < 80;
  });
  takeStored(module);
  // Profiles are of the launches that the program describes.
  if (!kernels.profile)
    joinLaunches(module);
  markExclusive(module);
  FailureOr<std::vector<std::string>> texts =
      emitKernels(module, *device, kernels);
  if (failed(texts) || failed(compileKernels(module, *texts)))
    return failure();
  auto sources = llvm::to_vector(module.getOps<func::FuncOp>());
  auto main = module.lookupSymbol<func::FuncOp>("main");
  FailureOr<cpu::EntryPoints> entry = emitEntryPoints(module, kernels);
  if (failed(entry))
    return failure();
  cpu::emitTables(module, main, *entry, kernels.entries.size(), options);
  cpu::emitConstants(module);
  kernels.entries.clear();
  for (func::FuncOp source : sources)
    source.erase();
  for (NamedAttribute attr : llvm::to_vector(module->getDiscardableAttrs()))
    module->removeAttr(attr.getName());
  return cpu::lowerToLLVM(module);
}

std::unique_ptr<Pass>
etch::cuda::createCodegenPass(const cpu::CodegenOptions &options,
                              DeviceOptions device) {
  return std::make_unique<CodegenPass>(options, std::move(device));
}

//===----------------------------------------------------------------------===//
// For tests
//===----------------------------------------------------------------------===//

/// u64 name(u8 *slots): a number of a launch.
static LogicalResult printHostFunction(Printer &printer, ModuleOp device,
                                       Kernel &k, const std::string &name,
                                       const OfShapes &number) {
  Emit &e = k.e;
  e.setInsertionPointToEnd(device.getBody());
  auto function = e.make<LLVM::LLVMFuncOp>(
      name, LLVM::LLVMFunctionType::get(e.getI64Type(), {e.ptrType()}));
  Block *entry = function.addEntryBlock(e);
  e.setInsertionPointToStart(entry);
  SmallVector<Extents> shapes;
  for (const Buffer &buffer : k.buffers)
    shapes.push_back(buffer.extents);
  for (auto [n, slot] : llvm::enumerate(k.slots))
    if (slot.kind == Slot::extent || slot.kind == Slot::index)
      shapes[slot.operand][slot.axis] = Ix(e.loadRaw(
          e.getI64Type(), e.atByte(entry->getArgument(0), int64_t(8 * n)), 8));
  Value result = e.value(number ? number(e, shapes) : Ix(0));
  e.setInsertionPointToEnd(entry);
  e.make<LLVM::ReturnOp>(ValueRange{result});
  return printer.print(function, "static u64");
}

static int64_t sharedBytesOf(LLVM::LLVMFuncOp function) {
  int64_t bytes = 0;
  function.walk([&](LLVM::AllocaOp alloca) {
    APInt count;
    if (alloca->hasAttr(kSharedAttr) &&
        matchPattern(alloca.getArraySize(), m_ConstantInt(&count)))
      bytes += int64_t(count.getZExtValue()) *
               alloca.getElemType().getIntOrFloatBitWidth() / 8;
  });
  return bytes;
}

FailureOr<Source> etch::cuda::emitSource(ModuleOp module, bool joins,
                                         int32_t precision) {
  takeStored(module);
  if (joins)
    joinLaunches(module);
  markExclusive(module);
  MLIRContext *context = module.getContext();
  context->loadDialect<LLVM::LLVMDialect, arith::ArithDialect, scf::SCFDialect,
                       math::MathDialect, vector::VectorDialect>();
  OwningOpRef<ModuleOp> device = ModuleOp::create(module.getLoc());
  Kernels kernels;
  kernels.precision = precision;
  FailureOr<std::vector<std::string>> texts =
      emitKernels(module, *device, kernels);
  if (failed(texts))
    return failure();
  Source source;
  source.text = llvm::join(*texts, "");
  llvm::raw_string_ostream host(source.host);
  Printer functions(host);
  for (Kernels::Entry &entry : kernels.entries) {
    Kernel &k = *entry.kernel;
    KernelDescription description;
    description.name = k.source.getSymName().str();
    description.numSlots = int64_t(k.slots.size());
    description.canFail = k.canFail;
    description.usesScratch = bool(k.scratchBytes);
    for (auto [n, stage] : llvm::enumerate(k.stages)) {
      std::string name = description.name + "_blocks" + std::to_string(n);
      if (failed(printHostFunction(functions, *device, k, name, stage.blocks)))
        return failure();
      description.stages.push_back({stage.function.getName().str(),
                                    stage.threads,
                                    sharedBytesOf(stage.function)});
    }
    if (failed(printHostFunction(functions, *device, k,
                                 description.name + "_scratch",
                                 k.scratchBytes)))
      return failure();
    source.kernels.push_back(std::move(description));
  }
  return source;
}

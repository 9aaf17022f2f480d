//===- CodegenCUDA.cpp - Kernels to CUDA C++ ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/CodegenCUDA.h"

#include "compiler/Target/CUDA/Kernel.h"
#include "compiler/Target/CUDA/Printer.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

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

FailureOr<Source> etch::cuda::emitSource(ModuleOp module) {
  MLIRContext *context = module.getContext();
  context->loadDialect<LLVM::LLVMDialect, arith::ArithDialect, scf::SCFDialect,
                       math::MathDialect, vector::VectorDialect>();
  OwningOpRef<ModuleOp> device = ModuleOp::create(module.getLoc());
  Source source;
  llvm::raw_string_ostream text(source.text), host(source.host);
  Printer kernels(text), functions(host);
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr(kKernelAttr))
      continue;
    Kernel k(function, *device);
    if (failed(k.emit()))
      return failure();
    KernelDescription description;
    description.name = function.getSymName().str();
    description.numSlots = int64_t(k.slots.size());
    description.canFail = k.canFail;
    description.usesScratch = bool(k.scratchBytes);
    for (auto [n, stage] : llvm::enumerate(k.stages)) {
      std::string prefix = "ETCH_KERNEL(" + std::to_string(stage.threads) + ")";
      if (failed(kernels.print(stage.function, prefix)))
        return failure();
      text << "\n";
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

//===- DeviceDialect.cpp - launches and their verification ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Device/DeviceDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace etch::device;

#include "dialects/Device/DeviceDialect.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Device/DeviceOps.cpp.inc"

void DeviceDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Device/DeviceOps.cpp.inc"
      >();
}

/// Buffers and tensors agree in element type and, where both know, extents.
static LogicalResult checkBuffers(LaunchOp op, StringRef what,
                                  TypeRange buffers, TypeRange tensors) {
  if (buffers.size() != tensors.size())
    return op.emitOpError("has ") << buffers.size() << " " << what
                                  << ", the kernel " << tensors.size();
  for (auto [buffer, tensor] : llvm::zip_equal(buffers, tensors)) {
    auto m = llvm::dyn_cast<MemRefType>(buffer);
    auto t = llvm::dyn_cast<RankedTensorType>(tensor);
    if (!m && buffer == tensor)
      continue; // an index
    if (!m || !t || m.getElementType() != t.getElementType() ||
        failed(verifyCompatibleShape(m.getShape(), t.getShape())))
      return op.emitOpError("passes ") << m << " for " << t;
  }
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel =
      symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("there is no kernel ") << getKernelAttr();
  if (failed(checkBuffers(*this, "inputs", getIns().getTypes(),
                          kernel.getArgumentTypes())))
    return failure();
  return checkBuffers(*this, "outputs", getOuts().getTypes(),
                      kernel.getResultTypes());
}

/// A program and as many buffers as it takes.
static LogicalResult checkProgram(Operation *op, FlatSymbolRefAttr name,
                                  size_t buffers,
                                  SymbolTableCollection &symbols) {
  auto program = symbols.lookupNearestSymbolFrom<func::FuncOp>(op, name);
  if (!program)
    return op->emitOpError("there is no program ") << name;
  if (program.getNumArguments() != buffers)
    return op->emitOpError("passes ")
           << buffers << " buffers to " << name << ", which takes "
           << program.getNumArguments();
  return success();
}

LogicalResult LoopOp::verifySymbolUses(SymbolTableCollection &symbols) {
  size_t states = getStates().size(), captures = getCaptures().size();
  if (auto condition = getConditionAttr())
    if (failed(checkProgram(*this, condition, states + captures + 2, symbols)))
      return failure();
  return checkProgram(
      *this, getBodyAttr(),
      1 + states + getXs().size() + captures + getYs().size() + 1, symbols);
}

LogicalResult BranchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  size_t buffers = getCaptures().size() + getYs().size() + 1;
  if (failed(checkProgram(*this, getThenAttr(), buffers, symbols)))
    return failure();
  return checkProgram(*this, getOtherwiseAttr(), buffers, symbols);
}

LogicalResult PrepareOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return checkProgram(*this, getProgramAttr(),
                      getCaptures().size() + getYs().size() + 1, symbols);
}

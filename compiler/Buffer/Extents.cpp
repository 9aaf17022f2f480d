//===- Extents.cpp - extents and sizes in a bufferized program
//-------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Buffer/Extents.h"

#include "compiler/Buffer/Plan.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace etch;

int64_t etch::elementBytes(Type tensor) {
  return (getElementTypeOrSelf(tensor).getIntOrFloatBitWidth() + 7) / 8;
}

Value ProgramExtents::constant(int64_t n) {
  return arith::ConstantIndexOp::create(b, from.getLoc(), n);
}

Value ProgramExtents::extentOf(Value tensor, int64_t axis) {
  auto type = llvm::cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(unsigned(axis)))
    return constant(type.getDimSize(unsigned(axis)));
  auto shape = type.getShape().take_front(size_t(axis));
  return of(tensor)[size_t(llvm::count(shape, ShapedType::kDynamic))];
}

/// Extents of a call's results, through the kernel's body.
LogicalResult ProgramExtents::visitCall(func::CallOp call) {
  auto kernel =
      symbols.lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
  Operation *terminator = kernel.getBody().front().getTerminator();
  for (auto [y, inner] :
       llvm::zip_equal(call.getResults(), terminator->getOperands())) {
    auto type = llvm::cast<RankedTensorType>(y.getType());
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      if (!type.isDynamicDim(unsigned(axis)))
        continue;
      ExtentSource source = resolver.resolve(inner, axis);
      auto argument = llvm::dyn_cast<BlockArgument>(source.value);
      Value extent;
      if (source.axis >= 0 && !argument) {
        auto known = llvm::cast<RankedTensorType>(source.value.getType());
        if (known.isDynamicDim(unsigned(source.axis)))
          return call.emitOpError("axis ")
                 << axis << " of a result has an extent that depends on values";
        extent = constant(known.getDimSize(unsigned(source.axis)));
      } else {
        Value x = call.getOperand(argument.getArgNumber());
        extent = source.axis < 0 ? index(x) : extentOf(x, source.axis);
      }
      extents[y].push_back(extent);
    }
  }
  return success();
}

LogicalResult ProgramExtents::write() {
  for (BlockArgument x : from.getArguments()) {
    auto type = llvm::cast<RankedTensorType>(x.getType());
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (type.isDynamicDim(unsigned(axis)))
        extents[x].push_back(memref::DimOp::create(
            b, from.getLoc(), to.getArgument(x.getArgNumber()), axis));
  }
  for (Operation &op : from.getBody().front()) {
    if (auto call = llvm::dyn_cast<func::CallOp>(op)) {
      if (failed(visitCall(call)))
        return failure();
    } else if (auto reshape = llvm::dyn_cast<ReshapeOp>(op)) {
      for (Value extent : reshape.getExtents())
        extents[reshape.getY()].push_back(index(extent));
    } else if (auto dim = llvm::dyn_cast<tensor::DimOp>(op)) {
      Value extent = extentOf(dim.getSource(), *dim.getConstantIndex());
      indices.map(dim.getResult(), extent);
    } else if (!llvm::isa<ConstantOp, func::ReturnOp>(op)) {
      b.clone(op, indices);
    }
  }
  return success();
}

Value ProgramExtents::bytesOf(Value tensor) {
  Location loc = from.getLoc();
  auto type = llvm::cast<RankedTensorType>(tensor.getType());
  int64_t known = elementBytes(type);
  for (int64_t extent : type.getShape())
    known *= ShapedType::isDynamic(extent) ? 1 : extent;
  Value bytes = constant(known);
  for (Value extent : of(tensor))
    bytes = arith::MulIOp::create(b, loc, bytes, extent);
  Value align = constant(arenaAlignment);
  bytes = arith::AddIOp::create(b, loc, bytes, constant(arenaAlignment - 1));
  Value blocks = arith::DivUIOp::create(b, loc, bytes, align);
  return arith::MulIOp::create(b, loc, blocks, align);
}

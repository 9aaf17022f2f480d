//===- Rows.cpp - what loops do with whole values -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Rows.h"

#include "dialects/Etch/Expr.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace etch;

RankedTensorType etch::sliceType(Type array) {
  auto type = llvm::cast<RankedTensorType>(array);
  return RankedTensorType::get(type.getShape().drop_front(),
                               type.getElementType());
}

RankedTensorType etch::arrayType(Type slice, int64_t extent) {
  auto type = llvm::cast<RankedTensorType>(slice);
  SmallVector<int64_t> shape = {extent};
  llvm::append_range(shape, type.getShape());
  return RankedTensorType::get(shape, type.getElementType());
}

Value etch::rowOf(OpBuilder &b, Location loc, Value array, Value index) {
  auto builder = makeGraphBuilder(b, loc);
  Expr all(builder.get(), array.getAsOpaquePointer());
  Expr at(builder.get(), index.getAsOpaquePointer());
  std::vector<Extent> extents = extentsOf(all);
  std::vector<Extent> rest(extents.begin() + 1, extents.end());
  Extent one, inner;
  for (const Extent &e : rest) {
    inner.size *= e.size;
    inner.factors.insert(inner.factors.end(), e.factors.begin(),
                         e.factors.end());
  }
  Expr row = gather(reshape(all, std::vector<Extent>{one, extents[0], inner}),
                    reshape(at, std::vector<Extent>{one, one}));
  return Value::getFromOpaquePointer(reshape(row, rest).handle());
}

Value etch::broadcastLike(OpBuilder &b, Location loc, Value scalar,
                          Value like) {
  if (llvm::cast<RankedTensorType>(like.getType()).getRank() == 0)
    return scalar;
  auto builder = makeGraphBuilder(b, loc);
  Expr x(builder.get(), scalar.getAsOpaquePointer());
  Expr y(builder.get(), like.getAsOpaquePointer());
  return Value::getFromOpaquePointer(broadcastTo(x, extentsOf(y)).handle());
}

std::optional<int64_t> etch::roomOf(LoopOp loop) {
  std::optional<int64_t> room;
  for (Value x : loop.getXs())
    if (int64_t n = llvm::cast<RankedTensorType>(x.getType()).getDimSize(0);
        !room || ShapedType::isDynamic(*room))
      room = n;
  if (room)
    return room;
  DenseIntElementsAttr limit;
  if (loop.getLimit() && matchPattern(loop.getLimit(), m_Constant(&limit)))
    room = std::max<int64_t>(0, limit.getSplatValue<int64_t>());
  if (auto bound = loop.getBound())
    room = room ? std::min(*room, *bound) : *bound;
  return room;
}

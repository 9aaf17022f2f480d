//===- StageParts.cpp - A kernel of stages, taken apart -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Kernel/StageParts.h"

#include "dialects/Etch/Stages.h"

#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;
using namespace etch::kernel;

StageParts::StageParts(KernelBody &k, StringRef name)
    : rows(k.extentOf(k.results()[0], 0)), k(k) {
  std::vector<SmallVector<Operation *>> stages;
  for (Operation &op : k.source.getBody().front().without_terminator())
    if (auto stage = op.getAttrOfType<IntegerAttr>(kStageAttr)) {
      stages.resize(std::max(stages.size(), size_t(stage.getInt()) + 1));
      stages[size_t(stage.getInt())].push_back(&op);
    }
  for (auto [number, ops] : llvm::enumerate(stages))
    outline((name + "." + Twine(number)).str(), ops);
}

Value StageParts::rootOf(Value v) {
  for (auto reshape = v.getDefiningOp<ReshapeOp>();
       reshape && !reshape->hasAttr(kStageAttr);
       reshape = v.getDefiningOp<ReshapeOp>())
    v = reshape.getX();
  return v;
}

int64_t StageParts::rowElements(Value v) {
  int64_t elements = 1;
  for (int64_t extent :
       cast<RankedTensorType>(v.getType()).getShape().drop_front())
    elements *= extent;
  return elements;
}

bool StageParts::isByRows(Value v) const {
  auto type = cast<RankedTensorType>(v.getType());
  return type.getRank() > 1 &&
         (type.isDynamicDim(0)
              ? rows.operand >= 0
              : rows.operand < 0 && type.getDimSize(0) == rows.known);
}

/// Axis 0 of what stages make is the rows; other extents are known, or given
/// where the value gets another shape.
ShapeRefs StageParts::shapeOf(Value v) {
  if (auto argument = dyn_cast<BlockArgument>(v))
    if (!isa<RankedTensorType>(v.getType()))
      return {ExtentRef{0, int(argument.getArgNumber()), 0}};
  auto type = cast<RankedTensorType>(v.getType());
  auto reshape = v.getDefiningOp<ReshapeOp>();
  if (reshape && reshape->hasAttr(kStageAttr))
    reshape = nullptr;
  ShapeRefs shape;
  unsigned given = 0;
  for (unsigned axis = 0; axis < unsigned(type.getRank()); ++axis) {
    if (!type.isDynamicDim(axis))
      shape.push_back({type.getDimSize(axis), -1, 0});
    else if (auto argument = dyn_cast<BlockArgument>(v))
      shape.push_back({0, int(argument.getArgNumber()), axis});
    else if (reshape)
      shape.push_back({0,
                       int(cast<BlockArgument>(reshape.getExtents()[given++])
                               .getArgNumber()),
                       0});
    else
      shape.push_back(rows);
  }
  return shape;
}

void StageParts::outline(StringRef name, ArrayRef<Operation *> ops) {
  llvm::SetVector<Value> arguments, results;
  auto isInside = [&](Operation *op) { return llvm::is_contained(ops, op); };
  for (bool indices : {false, true})
    for (Operation *op : ops)
      for (Value x : op->getOperands())
        if (isa<IndexType>(x.getType()) == indices &&
            !(x.getDefiningOp() && isInside(x.getDefiningOp())))
          arguments.insert(x);
  for (Operation *op : ops)
    for (Value y : op->getResults())
      if (llvm::any_of(y.getUsers(),
                       [&](Operation *user) { return !isInside(user); }))
        results.insert(y);
  OpBuilder b(k.source);
  auto types = [](ArrayRef<Value> values) {
    return llvm::map_to_vector(values, [](Value x) { return x.getType(); });
  };
  auto source =
      func::FuncOp::create(b, k.source.getLoc(), name,
                           b.getFunctionType(types(arguments.getArrayRef()),
                                             types(results.getArrayRef())));
  StagePart part = {source, {}, {}, {}, ops.back()->getLoc()};
  source.setPrivate();
  Block *body = source.addEntryBlock();
  b.setInsertionPointToEnd(body);
  IRMapping map;
  for (auto [i, x] : llvm::enumerate(arguments)) {
    map.map(x, body->getArgument(unsigned(i)));
    if (auto argument = dyn_cast<BlockArgument>(x))
      if (Attribute strided =
              k.source.getArgAttr(argument.getArgNumber(), kStridedAttr))
        source.setArgAttr(unsigned(i), kStridedAttr, strided);
  }
  for (Operation *op : ops)
    b.clone(*op, map);
  func::ReturnOp::create(
      b, k.source.getLoc(),
      llvm::map_to_vector(results, [&](Value y) { return map.lookup(y); }));
  for (auto *values : {&arguments, &results})
    for (Value v : *values) {
      part.operands.push_back(v);
      part.shapes.push_back(shapeOf(v));
    }
  for (Value y : results)
    part.isLast.push_back(llvm::all_of(y.getUsers(), [&](Operation *user) {
      return isInside(user) || isa<func::ReturnOp>(user);
    }));
  parts.push_back(std::move(part));
}

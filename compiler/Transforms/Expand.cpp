//===- Expand.cpp - ops become canonical ones
//------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every op is asked for its expansion, and so are the ops that it is made of.
// Convolutions whose windows see one place each get images of one row: they are
// matrix products, of which no strip has an end. The transpose of a product is
// a product, too (Transposes.cpp).
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Images.h"
#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Simplifier.h"
#include "compiler/Transforms/Transposes.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_EXPAND
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

/// Replaces an op by its expansion and returns the op to look at next.
static FailureOr<Operation *> expand(Operation *op) {
  auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
  if (!rule)
    return op->getNextNode();
  Operation *before = op->getPrevNode();
  OpBuilder b(op);
  Value expansion = rule.buildExpansion(b);
  if (!expansion)
    return op->getNextNode();
  Operation *first = before ? before->getNextNode() : &op->getBlock()->front();
  Value y = op->getResult(0);
  if (expansion.getType() != y.getType())
    return op->emitOpError("expands to ")
           << expansion.getType() << " but is " << y.getType();
  if (Attribute backward = op->getAttr(kBackwardAttr))
    for (Operation *part = first; part != op; part = part->getNextNode())
      part->setAttr(kBackwardAttr, backward);
  y.replaceAllUsesWith(expansion);
  // An expansion may be nothing new but one of the operands.
  Operation *next = first == op ? op->getNextNode() : first;
  op->erase();
  return next;
}

//===----------------------------------------------------------------------===//
// Windows of one place
//===----------------------------------------------------------------------===//

/// Whether the windows of a convolution are the places of its images.
static bool seesPlaces(Operation *op) {
  if (!llvm::isa<Conv2dOp, Conv2dInputGradOp, Conv2dWeightGradOp>(op) ||
      op->hasAttr(kChannelsLastAttr))
    return false;
  auto all = [&](StringRef name, int64_t n) {
    auto pair = op->getAttrOfType<DenseI64ArrayAttr>(name).asArrayRef();
    return llvm::all_of(pair, [&](int64_t i) { return i == n; });
  };
  bool toFilters = llvm::isa<Conv2dWeightGradOp>(op);
  Value filters = toFilters ? op->getResult(0) : op->getOperand(1);
  auto type = llvm::cast<RankedTensorType>(filters.getType());
  return type.getDimSize(2) == 1 && type.getDimSize(3) == 1 &&
         all("stride", 1) && all("pad", 0) &&
         op->getAttrOfType<IntegerAttr>("groups").getInt() == 1;
}

/// x as (N, C, 1, H * W).
static Value inOneRow(OpBuilder &b, Location loc, Value x) {
  auto type = llvm::cast<RankedTensorType>(x.getType());
  SmallVector<Value> extents;
  auto dim = [&](int64_t axis) -> Value {
    return tensor::DimOp::create(b, loc, x, axis);
  };
  for (int64_t axis : {0, 1})
    if (type.isDynamicDim(unsigned(axis)))
      extents.push_back(dim(axis));
  int64_t places = ShapedType::kDynamic;
  if (type.isDynamicDim(2) || type.isDynamicDim(3))
    extents.push_back(arith::MulIOp::create(b, loc, dim(2), dim(3)));
  else
    places = type.getDimSize(2) * type.getDimSize(3);
  int64_t shape[] = {type.getDimSize(0), type.getDimSize(1), 1, places};
  return ReshapeOp::create(b, loc,
                           RankedTensorType::get(shape, type.getElementType()),
                           x, extents, shape);
}

/// Replaces the op by itself on images of one row.
static void flatten(Operation *op) {
  auto isFlat = [](Value x) {
    return llvm::cast<RankedTensorType>(x.getType()).getDimSize(2) == 1;
  };
  bool toFilters = llvm::isa<Conv2dWeightGradOp>(op);
  if (!seesPlaces(op) || isFlat(op->getOperand(0)))
    return;
  OpBuilder b(op);
  Location loc = op->getLoc();
  Operation *before = op->getPrevNode();
  // Operands, then the symbolic extents of the result.
  SmallVector<Value> operands = llvm::to_vector(op->getOperands());
  operands[0] = inOneRow(b, loc, operands[0]);
  Value y = op->getResult(0);
  auto type = llvm::cast<RankedTensorType>(y.getType());
  auto from = llvm::cast<RankedTensorType>(operands[0].getType());
  SmallVector<Value> extents(operands.begin() + 2, operands.end());
  if (toFilters) {
    operands[1] = inOneRow(b, loc, operands[1]);
  } else {
    type = RankedTensorType::get(
        {type.getDimSize(0), type.getDimSize(1), 1, from.getDimSize(3)},
        type.getElementType());
    operands.truncate(2 + size_t(type.isDynamicDim(0)) +
                      size_t(type.isDynamicDim(1)));
    if (type.isDynamicDim(3))
      operands.push_back(operands[0].getDefiningOp()->getOperands().back());
  }
  OperationState state(loc, op->getName());
  state.addOperands(operands);
  state.addTypes(type);
  state.attributes = op->getAttrDictionary();
  state.attributes.set("shape", b.getDenseI64ArrayAttr(type.getShape()));
  Value flat = b.create(state)->getResult(0);
  if (!toFilters)
    flat = ReshapeOp::create(
        b, loc, llvm::cast<RankedTensorType>(y.getType()), flat, extents,
        llvm::cast<RankedTensorType>(y.getType()).getShape());
  if (Attribute backward = op->getAttr(kBackwardAttr))
    for (Operation *part = op->getPrevNode(); part != before;
         part = part->getPrevNode())
      part->setAttr(kBackwardAttr, backward);
  y.replaceAllUsesWith(flat);
  op->erase();
}

namespace {
struct Expand : etch::impl::ExpandBase<Expand> {
  using ExpandBase::ExpandBase;

  void runOnOperation() override {
    for (auto program : getOperation().getOps<func::FuncOp>()) {
      if (!isProgram(program))
        continue;
      turnProducts(program);
      for (Operation *op = &program.getBody().front().front(); op;) {
        FailureOr<Operation *> next = expand(op);
        if (failed(next))
          return signalPassFailure();
        op = *next;
      }
      for (Operation &op :
           llvm::make_early_inc_range(program.getBody().front()))
        flatten(&op);
      simplify(program, minimal);
      // Where filters are states, what is made of them may be kept.
      absorbTransposes(program);
    }
  }
};
} // namespace

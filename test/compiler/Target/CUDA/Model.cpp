//===- Model.cpp - What tensor cores may give -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each value gets a bound of its error, an array like itself, computed by
// etch's own operations: a running analysis of errors. u is half a unit in the
// last place of f32.
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CUDA/Model.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using namespace etch;

namespace {

constexpr double u = 0x1p-24;
/// Fewer rows, columns or steps are no tile (Gemm.cpp, Windows.h).
constexpr int64_t kFewestOfMatrix = 16, kFewestChannels = 24;

class Model {
public:
  explicit Model(func::FuncOp main)
      : main(main), b(main.getContext()), loc(main.getLoc()) {}
  LogicalResult run();

private:
  struct Rounded {
    Value value, error;
  };

  LogicalResult visit(Operation *op);
  LogicalResult product(Operation *op);
  bool isRounded(Operation *op);
  Rounded rounded(Value x, bool toTf32);
  /// The same op on other operands.
  Value like(Operation *op, ValueRange operands);
  Value make(StringRef name, ValueRange operands);
  Value splat(double value, Value like);
  Value add(Value x, Value y) { return make("etch.add", {x, y}); }
  Value sub(Value x, Value y) { return make("etch.sub", {x, y}); }
  Value mul(Value x, Value y) { return make("etch.mul", {x, y}); }
  Value abs(Value x) { return make("etch.abs", x); }
  Value times(Value x, double factor) { return mul(x, splat(factor, x)); }
  /// How far a value may be off.
  Value error(Value v);
  /// A value that only indices depend on is exact.
  bool isReal(Value v) { return getElementTypeOrSelf(v.getType()).isF32(); }

  func::FuncOp main;
  OpBuilder b;
  Location loc;
  DenseMap<Value, Value> errors;
};

} // namespace

Value Model::make(StringRef name, ValueRange operands) {
  OperationState state(loc, name, operands, operands[0].getType());
  return b.create(state)->getResult(0);
}

Value Model::like(Operation *op, ValueRange operands) {
  Operation *copy = b.clone(*op);
  copy->setOperands(operands);
  return copy->getResult(0);
}

Value Model::splat(double value, Value like) {
  auto type = cast<RankedTensorType>(like.getType());
  return ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(type, b.getFloatAttr(b.getF32Type(), value)));
}

Value Model::error(Value v) {
  Value &e = errors[v];
  if (!e)
    e = splat(0, v);
  return e;
}

/// To tf32: Veltkamp's splitting leaves eleven bits. Rounding keeps the order
/// of numbers, so the ends of an interval say where those within go; a bit more
/// than the interval, for how ties are rounded.
Model::Rounded Model::rounded(Value x, bool toTf32) {
  Value off = error(x);
  if (!toTf32)
    return {x, off};
  auto round = [&](Value v) {
    Value c = times(v, 8193);
    return sub(c, sub(c, v));
  };
  Value wide = add(off, times(abs(x), 4 * u));
  Value value = round(x);
  Value above = sub(round(add(x, wide)), value),
        below = sub(value, round(sub(x, wide)));
  return {value, make("etch.maximum", {above, below})};
}

bool Model::isRounded(Operation *op) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  auto from = cast<RankedTensorType>(op->getOperand(0).getType());
  int64_t rank = type.getRank();
  if (isa<MatmulOp>(op))
    return std::min({type.getDimSize(rank - 1), type.getDimSize(rank - 2),
                     from.getDimSize(rank - 1)}) >= kFewestOfMatrix;
  int64_t groups = op->getAttrOfType<IntegerAttr>("groups").getInt();
  if (isa<Conv2dWeightGradOp>(op))
    return std::min(type.getDimSize(0) / groups,
                    type.getNumElements() / type.getDimSize(0)) >=
           kFewestChannels;
  return type.getDimSize(1) / groups >= kFewestChannels;
}

/// How many products an element is a sum of.
static int64_t stepsOf(Operation *op) {
  auto type = cast<RankedTensorType>(
      op->getOperand(isa<MatmulOp>(op) ? 0 : 1).getType());
  return isa<MatmulOp>(op)   ? type.getShape().back()
         : isa<Conv2dOp>(op) ? type.getNumElements() / type.getDimSize(0)
                             : type.getNumElements() / type.getDimSize(1);
}

/// |a b - a' b'| <= |a| |b - b'| + |a - a'| |b'|, and what the order of a sum
/// does to it.
LogicalResult Model::product(Operation *op) {
  bool toTf32 = isRounded(op);
  Rounded x = rounded(op->getOperand(0), toTf32),
          y = rounded(op->getOperand(1), toTf32);
  op->setOperands({x.value, y.value});
  b.setInsertionPointAfter(op);
  auto steps = double(stepsOf(op));
  Value mostY = add(abs(y.value), y.error), mostX = add(abs(x.value), x.error);
  Value fromX = like(op, {x.error, mostY}),
        fromY = like(op, {abs(x.value), y.error});
  Value order = times(like(op, {mostX, mostY}), 2 * (steps + 2) * u);
  errors[op->getResult(0)] = add(add(fromX, fromY), order);
  return success();
}

LogicalResult Model::visit(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumRegions())
    return failure();
  if (isa<ConstantOp>(op) || !isReal(op->getResult(0)))
    return success();
  b.setInsertionPoint(op);
  if (isa<MatmulOp, Conv2dOp, Conv2dInputGradOp, Conv2dWeightGradOp>(op))
    return product(op);
  Value y = op->getResult(0);
  SmallVector<Value> off;
  for (Value operand : op->getOperands())
    off.push_back(isReal(operand) ? error(operand) : operand);
  b.setInsertionPointAfter(op);
  Value e;
  if (auto place = dyn_cast<PlaceOp>(op)) {
    e = like(op, off);
    e.getDefiningOp()->setAttr(place.getFillAttrName(), b.getF64FloatAttr(0));
  } else if (isa<ReshapeOp, TransposeOp, BroadcastToOp, SliceOp, GatherOp,
                 Im2colOp, MaxOp, StopGradientOp>(op)) {
    e = like(op, off);
  } else if (isa<SumOp, Col2imOp>(op)) {
    Value x = op->getOperand(0);
    auto count = [](Value v) {
      return double(cast<RankedTensorType>(v.getType()).getNumElements());
    };
    double terms = count(x) / std::max(count(y), 1.0);
    Value most = add(abs(x), off[0]);
    e = add(like(op, off), times(like(op, most), 2 * (terms + 2) * u));
  } else if (isa<ReluOp>(op)) {
    e = off[0];
  } else if (isa<TanhOp>(op)) {
    e = add(off[0], times(abs(y), 8 * u));
  } else if (isa<ExpOp>(op)) {
    // exp(x + e) - exp(x) <= exp(x) e exp(e)
    Value change = mul(off[0], make("etch.exp", off[0]));
    e = mul(abs(y), add(change, splat(8 * u, y)));
  } else if (isa<AddOp, SubOp>(op)) {
    Value sum = add(off[0], off[1]);
    e = add(sum, times(add(abs(y), sum), 2 * u));
  } else if (isa<MulOp>(op)) {
    Value x = op->getOperand(0), w = op->getOperand(1);
    e = add(mul(off[0], add(abs(w), off[1])), mul(abs(x), off[1]));
    e = add(e, times(add(abs(y), e), 2 * u));
  } else if (isa<DivOp>(op)) {
    Value w = op->getOperand(1);
    Value least = make("etch.maximum", {sub(abs(w), off[1]), splat(0, y)});
    e = add(off[0], mul(abs(y), off[1]));
    e = make("etch.div", {e, least});
    e = add(e, times(add(abs(y), e), 4 * u));
  } else {
    return failure();
  }
  errors[y] = e;
  return success();
}

LogicalResult Model::run() {
  Block &body = main.getBody().front();
  auto isOpen = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return !tensor || !tensor.hasStaticShape();
  };
  if (llvm::any_of(main.getArgumentTypes(), isOpen) || main.getAllResultAttrs())
    return failure();
  b.setInsertionPointToStart(&body);
  for (Value argument : body.getArguments())
    if (isReal(argument))
      error(argument);
  SmallVector<Operation *> ops = llvm::map_to_vector(
      body.without_terminator(), [](Operation &op) { return &op; });
  for (Operation *op : ops)
    if (failed(visit(op)))
      return failure();
  Operation *end = body.getTerminator();
  b.setInsertionPoint(end);
  SmallVector<Value> results(end->getOperands());
  for (Value result : end->getOperands()) {
    if (!isReal(result))
      return failure();
    results.push_back(error(result));
  }
  end->setOperands(results);
  main.setFunctionType(b.getFunctionType(main.getArgumentTypes(),
                                         ValueRange(results).getTypes()));
  return success();
}

LogicalResult etch::test::modelTf32(func::FuncOp main) {
  return Model(main).run();
}

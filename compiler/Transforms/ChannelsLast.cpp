//===- ChannelsLast.cpp - images with channels last -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Op after op of the chosen groups (Images.cpp) is written again on (N, H, W,
// C). Behind each stands a transpose for whoever knows the old order: those
// that nobody needs go. A convolution keeps its own order of axes and gets
// transposes around it, which its kernel absorbs; one whose windows see one
// place each is a product of matrices now.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Images.h"
#include "compiler/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_CHANNELSLAST
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

static RankedTensorType typeOf(Value v) {
  return llvm::cast<RankedTensorType>(v.getType());
}

namespace {
class Writer {
public:
  explicit Writer(MLIRContext *context) : b(context) {}

  void rewrite(Operation *op);

private:
  Value last(Value v);
  void put(Value old, Value made);
  Operation *create(Operation *like, ValueRange operands, RankedTensorType type,
                    ArrayRef<NamedAttribute> changed);
  Value createShaped(Operation *like, ArrayRef<Value> tensors,
                     RankedTensorType type,
                     SmallVector<NamedAttribute> changed = {});
  Value reshape(Value x, ArrayRef<int64_t> shape, int64_t times = 1,
                Value batch = {});
  Value rankFour(Value x);
  NamedAttribute axes(StringRef name, ArrayRef<int64_t> values) {
    return b.getNamedAttr(name, b.getDenseI64ArrayAttr(values));
  }

  void convolution(Operation *op);
  bool product(Operation *op);
  void sandwich(Operation *op, unsigned images);
  void pool(const Pool &pool, Value y);
  void broadcast(BroadcastToOp op);
  void reduction(Operation *op);
  void sumTo(SumToOp op);
  void part(Operation *op);

  OpBuilder b;
  Location loc = b.getUnknownLoc();
  Operation *current = nullptr;
  llvm::DenseMap<Value, Value> lasts;
};
} // namespace

/// A value with channels last; what is not written that way is transposed where
/// it comes from.
Value Writer::last(Value v) {
  Value &known = lasts[v];
  if (!known) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(v);
    known = reordered(b, v.getLoc(), v, channelsLast);
    Operation *from = v.getDefiningOp();
    if (from && from->hasAttr(kBackwardAttr))
      known.getDefiningOp()->setAttr(kBackwardAttr, b.getUnitAttr());
  }
  return known;
}

/// `made` is what `old` was, with channels last.
void Writer::put(Value old, Value made) {
  Value back = reordered(b, loc, made, channelsFirst);
  old.replaceAllUsesWith(back);
  lasts[old] = made;
  lasts[back] = made;
}

Operation *Writer::create(Operation *like, ValueRange operands,
                          RankedTensorType type,
                          ArrayRef<NamedAttribute> changed) {
  OperationState state(loc, like->getName());
  state.addOperands(operands);
  state.addTypes(type);
  NamedAttrList attributes(like->getAttrDictionary());
  for (NamedAttribute attribute : changed)
    attributes.set(attribute.getName(), attribute.getValue());
  state.attributes = attributes;
  return b.create(state);
}

/// An op with a `shape`: the symbolic extents stand behind the tensors.
Value Writer::createShaped(Operation *like, ArrayRef<Value> tensors,
                           RankedTensorType type,
                           SmallVector<NamedAttribute> changed) {
  auto old = typeOf(like->getResult(0));
  SmallVector<Value> operands(tensors);
  for (int64_t axis : channelsLast)
    if (int64_t own = axis - (4 - old.getRank());
        own >= 0 && old.isDynamicDim(unsigned(own)))
      operands.push_back(like->getOperand(
          unsigned(tensors.size()) +
          unsigned(llvm::count_if(old.getShape().take_front(size_t(own)),
                                  ShapedType::isDynamic))));
  changed.push_back(axes("shape", type.getShape()));
  return create(like, operands, type, changed)->getResult(0);
}

/// The first extent of `shape` may be open: `times` that of x.
Value Writer::reshape(Value x, ArrayRef<int64_t> shape, int64_t times,
                      Value batch) {
  auto type = RankedTensorType::get(shape, typeOf(x).getElementType());
  SmallVector<Value> extents;
  if (!type.hasStaticShape()) {
    if (!batch)
      batch = tensor::DimOp::create(b, loc, x, 0);
    if (times != 1)
      batch = arith::MulIOp::create(
          b, loc, batch, arith::ConstantIndexOp::create(b, loc, times));
    extents.push_back(batch);
  }
  Operation *made = ReshapeOp::create(b, loc, type, x, extents, shape);
  if (current->hasAttr(kBackwardAttr))
    made->setAttr(kBackwardAttr, b.getUnitAttr());
  return made->getResult(0);
}

/// Leading axes of extent 1.
Value Writer::rankFour(Value x) {
  auto type = typeOf(x);
  if (type.getRank() == 4)
    return x;
  SmallVector<int64_t> shape(size_t(4 - type.getRank()), 1);
  llvm::append_range(shape, type.getShape());
  SmallVector<Value> extents;
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    if (type.isDynamicDim(unsigned(axis)))
      extents.push_back(tensor::DimOp::create(b, loc, x, axis));
  return ReshapeOp::create(b, loc,
                           RankedTensorType::get(shape, type.getElementType()),
                           x, extents, shape);
}

//===----------------------------------------------------------------------===//
// Convolutions and pools
//===----------------------------------------------------------------------===//

/// Leaves an op its own order; it stands between transposes and is marked.
void Writer::sandwich(Operation *op, unsigned images) {
  for (unsigned i = 0; i < images; ++i) {
    Value x = last(op->getOperand(i));
    auto type = permuted(typeOf(x), channelsFirst);
    op->setOperand(i, TransposeOp::create(b, loc, type, x, channelsFirst));
  }
  op->setAttr(kChannelsLastAttr, b.getUnitAttr());
  if (llvm::isa<Conv2dWeightGradOp>(op))
    return;
  b.setInsertionPointAfter(op);
  Value y = op->getResult(0);
  auto made = TransposeOp::create(b, loc, permuted(typeOf(y), channelsLast), y,
                                  channelsLast);
  Value back = reordered(b, loc, made, channelsFirst);
  y.replaceAllUsesExcept(back, made);
  lasts[y] = made;
  lasts[back] = made;
}

/// Windows of one place: of all places, a row each, with the filters.
bool Writer::product(Operation *op) {
  if (llvm::isa<Conv2dWeightGradOp>(op))
    return false;
  auto all = [&](StringRef name, int64_t n) {
    auto pair = op->getAttrOfType<DenseI64ArrayAttr>(name).asArrayRef();
    return llvm::all_of(pair, [&](int64_t i) { return i == n; });
  };
  Value w = op->getOperand(1);
  auto filters = typeOf(w), type = typeOf(op->getResult(0));
  auto images = typeOf(op->getOperand(0));
  if (!filters.hasStaticShape() || filters.getDimSize(2) != 1 ||
      filters.getDimSize(3) != 1 || !all("stride", 1) || !all("pad", 0) ||
      op->getAttrOfType<IntegerAttr>("groups").getInt() != 1 ||
      images.isDynamicDim(1) || images.isDynamicDim(2) ||
      images.isDynamicDim(3) || type.isDynamicDim(1))
    return false;
  Value x = last(op->getOperand(0));
  int64_t places = images.getDimSize(2) * images.getDimSize(3),
          rows = images.isDynamicDim(0) ? ShapedType::kDynamic
                                        : images.getDimSize(0) * places;
  Value matrix = reshape(x, {rows, images.getDimSize(1)}, places),
        right = reshape(w, {filters.getDimSize(0), filters.getDimSize(1)});
  if (llvm::isa<Conv2dOp>(op))
    right = TransposeOp::create(
        b, loc,
        RankedTensorType::get(permuted(typeOf(right).getShape(), {1, 0}),
                              filters.getElementType()),
        right, ArrayRef<int64_t>{1, 0});
  Operation *made = MatmulOp::create(
      b, loc,
      RankedTensorType::get({rows, type.getDimSize(1)}, type.getElementType()),
      matrix, right);
  if (Attribute backward = op->getAttr(kBackwardAttr))
    made->setAttr(kBackwardAttr, backward);
  auto shape = permuted(type.getShape(), channelsLast);
  Value batch = images.isDynamicDim(0)
                    ? Value(tensor::DimOp::create(b, loc, x, 0))
                    : Value();
  put(op->getResult(0), reshape(made->getResult(0), shape, 1, batch));
  return true;
}

void Writer::convolution(Operation *op) {
  if (!product(op))
    sandwich(op, llvm::isa<Conv2dWeightGradOp>(op) ? 2 : 1);
}

/// A plane's index is the same in both orders; each channel has its own.
void Writer::pool(const Pool &pool, Value y) {
  auto planes = [&](Value images) {
    auto shape = typeOf(images).getShape();
    return reshape(images, {shape[0], shape[1] * shape[2], shape[3]});
  };
  Value x = planes(last(pool.x)), index = planes(last(pool.index));
  auto type = permuted(typeOf(y), channelsLast);
  auto shape = type.getShape();
  auto all = RankedTensorType::get({shape[0], shape[1] * shape[2], shape[3]},
                                   type.getElementType());
  SmallVector<Value> operands = {x, index};
  SmallVector<NamedAttribute> changed;
  if (llvm::isa<ScatterAddOp>(pool.op)) {
    if (all.isDynamicDim(0))
      operands.push_back(tensor::DimOp::create(b, loc, x, 0));
    changed.push_back(axes("shape", all.getShape()));
  }
  Operation *made = create(pool.op, operands, all, changed);
  put(y, reshape(made->getResult(0), shape));
}

//===----------------------------------------------------------------------===//
// Other ops
//===----------------------------------------------------------------------===//

void Writer::broadcast(BroadcastToOp op) {
  Value x = op.getX();
  if (typeOf(x).getRank() != 0)
    x = last(rankFour(x));
  put(op.getY(), createShaped(op, {x}, permuted(op.getType(), channelsLast)));
}

void Writer::reduction(Operation *op) {
  Value x = last(op->getOperand(0)), y = op->getResult(0);
  auto old = op->getAttrOfType<DenseI64ArrayAttr>("axes").asArrayRef();
  bool keeps = op->getAttrOfType<BoolAttr>("keepdims").getValue();
  SmallVector<int64_t> reduced, left, shape;
  for (int64_t i = 0; i < 4; ++i) {
    bool goes = llvm::is_contained(old, channelsLast[i]) ||
                llvm::is_contained(old, channelsLast[i] - 4);
    if (goes)
      reduced.push_back(i);
    else
      left.push_back(channelsLast[i]);
    if (!goes || keeps)
      shape.push_back(goes ? 1 : typeOf(x).getDimSize(unsigned(i)));
  }
  auto type = RankedTensorType::get(shape, typeOf(y).getElementType());
  Value made = create(op, {x}, type, axes("axes", reduced))->getResult(0);
  if (keeps)
    return put(y, made);
  // Where each of the axes that are left was, in the old order.
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, int64_t(left.size())));
  llvm::sort(order, [&](int64_t i, int64_t j) {
    return left[size_t(i)] < left[size_t(j)];
  });
  if (!llvm::is_sorted(order))
    made = reordered(b, loc, made, order);
  y.replaceAllUsesWith(made);
}

void Writer::sumTo(SumToOp op) {
  Value x = last(op.getX());
  auto type = op.getType();
  SmallVector<int64_t> shape(size_t(4 - type.getRank()), 1);
  llvm::append_range(shape, type.getShape());
  auto four = RankedTensorType::get(shape, type.getElementType());
  Value made = createShaped(op, {x}, permuted(four, channelsLast));
  if (type.getRank() == 4)
    return put(op.getY(), made);
  Value back = reordered(b, loc, made, channelsFirst);
  SmallVector<Value> extents(op.getExtents());
  op.getY().replaceAllUsesWith(
      ReshapeOp::create(b, loc, type, back, extents, type.getShape()));
}

/// A slice of images, images placed in others.
void Writer::part(Operation *op) {
  auto type = permuted(typeOf(op->getResult(0)), channelsLast);
  SmallVector<NamedAttribute> changed;
  for (StringRef name : {"starts", "steps"})
    if (auto old = op->getAttrOfType<DenseI64ArrayAttr>(name))
      changed.push_back(axes(name, permuted(old.asArrayRef(), channelsLast)));
  SmallVector<Value> tensors = {last(op->getOperand(0))};
  if (auto axis = op->getAttrOfType<IntegerAttr>("axis")) {
    changed.push_back(b.getNamedAttr(
        "axis", b.getI64IntegerAttr(channelsFirst[axis.getInt()])));
    tensors.push_back(op->getOperand(1));
  }
  put(op->getResult(0), createShaped(op, tensors, type, changed));
}

void Writer::rewrite(Operation *op) {
  b.setInsertionPoint(op);
  loc = op->getLoc();
  current = op;
  if (isConvolution(op))
    return convolution(op);
  if (llvm::isa<MaxPoolIndexOp>(op))
    return sandwich(op, 1);
  Value y = op->getResult(0);
  if (Pool found = poolOf(y))
    return pool(found, y);
  if (auto broadcastTo = llvm::dyn_cast<BroadcastToOp>(op))
    return broadcast(broadcastTo);
  if (auto sum = llvm::dyn_cast<SumToOp>(op))
    return sumTo(sum);
  if (isAxesReduction(op))
    return reduction(op);
  if (llvm::isa<SliceOp, PlaceOp, SliceAtOp, PlaceAtOp>(op))
    return part(op);
  RankedTensorType type = permuted(typeOf(y), channelsLast);
  if (auto constant = llvm::dyn_cast<ConstantOp>(op)) {
    auto value = llvm::cast<DenseElementsAttr>(constant.getValue());
    return put(y, ConstantOp::create(b, loc, type, value.resizeSplat(type)));
  }
  auto operands =
      llvm::map_to_vector(op->getOperands(), [&](Value x) { return last(x); });
  put(y, create(op, operands, type, {})->getResult(0));
}

namespace {
struct ChannelsLast : etch::impl::ChannelsLastBase<ChannelsLast> {
  using ChannelsLastBase::ChannelsLastBase;

  void runOnOperation() override {
    for (auto program : getOperation().getOps<func::FuncOp>())
      if (isProgram(program))
        run(program);
  }

  static void run(func::FuncOp program) {
    Block &body = program.getBody().front();
    seeImages(program);
    Images images(program);
    SmallVector<Operation *> chosen;
    for (Operation &op : body)
      if (images.isChosen(&op))
        chosen.push_back(&op);
    Writer writer(program.getContext());
    for (Operation *op : chosen)
      writer.rewrite(op);
    for (Operation *op = &body.back(); op;) {
      Operation *before = op->getPrevNode();
      if (isOpTriviallyDead(op))
        op->erase();
      op = before;
    }
  }
};
} // namespace

//===- Library.cpp - What a library may do of a kernel --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Library.h"

#include "compiler/Target/CUDA/Exclusive.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

int32_t etch::cuda::libraryType(Type element) {
  return element.isF32() ? ETCH_F32 : element.isF64() ? ETCH_F64 : 0;
}

static std::optional<MatrixOperand> matrixOf(Value operand) {
  int64_t rank = cast<RankedTensorType>(operand.getType()).getRank();
  MatrixOperand matrix;
  matrix.axes.assign(llvm::seq<int64_t>(0, rank).begin(),
                     llvm::seq<int64_t>(0, rank).end());
  while (auto transpose = operand.getDefiningOp<TransposeOp>()) {
    for (int64_t &axis : matrix.axes)
      axis = transpose.getPermutation()[axis];
    operand = transpose.getX();
  }
  auto argument = dyn_cast<BlockArgument>(operand);
  if (!argument)
    return std::nullopt;
  matrix.argument = argument.getArgNumber();
  return matrix;
}

static RankedTensorType typeOf(Value v) {
  return cast<RankedTensorType>(v.getType());
}

int etch::cuda::biasOf(Value v, int64_t axis) {
  auto broadcast = v.getDefiningOp<BroadcastToOp>();
  if (!broadcast)
    return -1;
  auto argument = dyn_cast<BlockArgument>(broadcast.getX());
  if (!argument)
    return -1;
  auto from = typeOf(argument), to = typeOf(v);
  int64_t shift = to.getRank() - from.getRank();
  if (axis < shift || ShapedType::isDynamic(to.getDimSize(axis)))
    return -1;
  for (int64_t i = 0; i < from.getRank(); ++i)
    if (from.getDimSize(i) != (i + shift == axis ? to.getDimSize(axis) : 1))
      return -1;
  return int(argument.getArgNumber());
}

/// y, or y and a bias.
static bool isBiased(Value v, Value y, int64_t axis, LibraryWork &work) {
  if (v == y)
    return true;
  auto add = v.getDefiningOp<AddOp>();
  if (!add)
    return false;
  for (bool second : {false, true}) {
    Value product = add->getOperand(second), bias = add->getOperand(!second);
    if (product == y && (work.bias = biasOf(bias, axis)) >= 0)
      return true;
  }
  return false;
}

static bool isZero(Value v) {
  if (auto broadcast = v.getDefiningOp<BroadcastToOp>())
    v = broadcast.getX();
  return matchPattern(v, m_AnyZeroFloat());
}

/// select(m > 0, y, 0).
static bool isMasked(Value v, Value y, LibraryWork &work) {
  auto select = v.getDefiningOp<SelectOp>();
  if (!select || select->getOperand(1) != y || !isZero(select->getOperand(2)))
    return false;
  auto greater = select->getOperand(0).getDefiningOp<GreaterOp>();
  if (!greater || !isZero(greater->getOperand(1)))
    return false;
  auto mask = dyn_cast<BlockArgument>(greater->getOperand(0));
  if (!mask || mask.getType() != y.getType())
    return false;
  work.mask = int(mask.getArgNumber());
  return true;
}

std::optional<LibraryWork> etch::cuda::findLibraryWork(func::FuncOp kernel) {
  LibraryWork work;
  for (Operation &op : kernel.getBody().front())
    if (isa<MatmulOp, Conv2dOp, Conv2dInputGradOp, Conv2dWeightGradOp>(op)) {
      if (work.op)
        return std::nullopt;
      work.op = &op;
    }
  if (!work.op || !libraryType(typeOf(work.op->getResult(0)).getElementType()))
    return std::nullopt;
  Value y = work.op->getResult(0);
  RankedTensorType type = typeOf(y);
  bool product = work.isProduct();
  if (product) {
    auto left = matrixOf(work.op->getOperand(0)),
         right = matrixOf(work.op->getOperand(1));
    if (!left || !right)
      return std::nullopt;
    work.left = *left;
    work.right = *right;
    // A scalar product is a reduction.
    int64_t rank = type.getRank();
    if (type.getDimSize(rank - 1) == 1 && type.getDimSize(rank - 2) == 1)
      return std::nullopt;
  } else if (auto form = imageFormOf(work.op)) {
    work.images = *form;
    y = form->y;
  } else {
    return std::nullopt;
  }

  Operation *end = kernel.getBody().front().getTerminator();
  if (end->getNumOperands() != 1)
    return work;
  Value result = end->getOperand(0);
  if (result == y) {
    work.whole = true;
    return work;
  }
  // Libraries have epilogues for numbers of 32 bits, behind products of two
  // matrices and behind convolutions.
  if (!type.getElementType().isF32() || (product && type.getRank() != 2) ||
      (!product && !isa<Conv2dOp>(work.op)))
    return work;
  int64_t axis = work.images.last ? 3 : 1;
  if (auto relu = result.getDefiningOp<ReluOp>();
      relu && isBiased(relu->getOperand(0), y, axis, work)) {
    work.activation = ETCH_RELU;
    work.whole = true;
  } else if (isBiased(result, y, axis, work)) {
    work.whole = true;
  } else if (product && isMasked(result, y, work)) {
    work.activation = ETCH_RELU_GRAD;
    work.whole = true;
  }
  if (!work.whole)
    work.bias = -1;
  return work;
}

bool etch::cuda::canHaveRest(const LibraryWork &work) {
  // A gradient of relu may find no mask, a convolution no engine that does all.
  bool plain = work.bias < 0 && work.activation == ETCH_NO_ACTIVATION;
  if (work.whole &&
      (plain || (work.isProduct() && work.activation != ETCH_RELU_GRAD)))
    return false;
  Value y = work.made();
  return llvm::all_of(
      y.getParentBlock()->getTerminator()->getOperands(), [&](Value result) {
        return typeOf(result).getShape() == typeOf(y).getShape();
      });
}

func::FuncOp etch::cuda::makeRest(func::FuncOp kernel, Operation *op) {
  OpBuilder builder(kernel->getContext());
  builder.setInsertionPointAfter(kernel);
  auto rest = cast<func::FuncOp>(builder.clone(*kernel.getOperation()));
  rest.setSymName((kernel.getSymName() + "_rest").str());
  Block &from = kernel.getBody().front(), &to = rest.getBody().front();
  auto place = std::distance(from.begin(), Block::iterator(op));
  Operation *copy = &*std::next(to.begin(), place), *own = copy;
  Value y = copy->getResult(0);
  if (auto form = isa<MatmulOp>(op) ? std::nullopt : imageFormOf(copy);
      form && form->last) {
    y = form->y;
    copy = y.getDefiningOp();
  }
  (void)rest.insertArgument(rest.getNumArguments(), y.getType(), {},
                            op->getLoc());
  // A convolution leaves what it makes in the form of its operands.
  if (auto form = isa<MatmulOp>(op) ? std::nullopt : imageFormOf(op))
    if (Attribute stored = kernel.getArgAttr(form->arguments[0], kStoredAttr))
      rest.setArgAttr(rest.getNumArguments() - 1, kStoredAttr, stored);
  y.replaceAllUsesWith(to.getArguments().back());
  copy->erase();
  if (own != copy)
    own->erase();
  // What the operation alone has used.
  for (Operation &dead : llvm::make_early_inc_range(llvm::reverse(to)))
    if (isOpTriviallyDead(&dead))
      dead.erase();
  return rest;
}

bool etch::cuda::isColumnSum(func::FuncOp kernel) {
  Block &body = kernel.getBody().front();
  auto sum = dyn_cast<SumOp>(body.front());
  return sum && llvm::hasNItems(body, 2) &&
         isa<BlockArgument>(sum->getOperand(0)) &&
         typeOf(sum->getOperand(0)).getRank() == 3 &&
         typeOf(sum->getOperand(0)).getDimSize(0) == 1 &&
         body.getTerminator()->getOperands() == sum->getResults();
}

device::LaunchOp etch::cuda::beside(device::LaunchOp op, bool after) {
  auto step = [after](Operation *o) {
    return after ? o->getNextNode() : o->getPrevNode();
  };
  Operation *next = step(op);
  while (next && isPure(next))
    next = step(next);
  return dyn_cast_or_null<device::LaunchOp>(next);
}

bool etch::cuda::beginTogether(Value a, Value b) {
  auto start = [](Value v) {
    while (Operation *op = v.getDefiningOp()) {
      if (auto cast = dyn_cast<memref::CastOp>(op))
        v = cast.getSource();
      else if (auto cast = dyn_cast<memref::ReinterpretCastOp>(op);
               cast && isConstantIntValue(cast.getMixedOffsets()[0], 0))
        v = cast.getSource();
      else
        break;
    }
    return v;
  };
  a = start(a);
  b = start(b);
  if (a == b)
    return true;
  auto left = a.getDefiningOp<memref::ViewOp>(),
       right = b.getDefiningOp<memref::ViewOp>();
  if (!left || !right || left.getSource() != right.getSource())
    return false;
  std::optional<int64_t> shift = getConstantIntValue(left.getByteShift());
  return left.getByteShift() == right.getByteShift() ||
         (shift && shift == getConstantIntValue(right.getByteShift()));
}

device::LaunchOp
etch::cuda::sumBeside(device::LaunchOp op, Value summed, bool after,
                      function_ref<bool(device::LaunchOp)> isSum) {
  constexpr int most = 32; // launches away
  SmallVector<Place> read, written;
  auto meets = [](ArrayRef<Place> places, Value buffer) {
    return llvm::any_of(places, [place = Place::of(buffer)](const Place &o) {
      return o.meets(place);
    });
  };
  device::LaunchOp next = beside(op, after);
  for (int i = 0; i < most && next; ++i, next = beside(next, after)) {
    if (isSum(next) && beginTogether(next.getIns()[0], summed) &&
        cast<MemRefType>(next.getIns()[0].getType()).getDimSize(2) ==
            cast<MemRefType>(summed.getType()).getDimSize(1)) {
      Value out = next.getOuts()[0];
      bool alone = read.empty() && written.empty();
      // Of other memory than the arena's it is not known what is apart.
      bool apart = out.getDefiningOp<memref::ViewOp>() && !meets(read, out) &&
                   !meets(written, out) && !meets(written, next.getIns()[0]);
      if (alone || apart)
        return next;
      return {};
    }
    for (Value in : next.getIns())
      if (isa<MemRefType>(in.getType()))
        read.push_back(Place::of(in));
    for (Value out : next.getOuts())
      written.push_back(Place::of(out));
  }
  return {};
}

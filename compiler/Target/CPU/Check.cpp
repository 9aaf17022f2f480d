//===- Check.cpp - Looking for NaN and infinity ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vectors that hold nothing of the kind, nearly all, cost a subtraction and a
// comparison. The rest is looked at element by element.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Kernel.h"

#include "etch/runtime.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Whether lanes are NaN or infinite: only then x - x is not 0.
static Value isNotFinite(Emit &e, Value x) {
  Value difference = e.make<arith::SubFOp>(x, x);
  Value zero = e.constant(cast<TypedAttr>(e.getZeroAttr(x.getType())));
  return e.make<arith::CmpFOp>(arith::CmpFPredicate::UNE, difference, zero);
}

static Ix sizeOf(Emit &e, const Buffer &buffer) {
  Ix size = 1;
  for (Ix extent : buffer.extents)
    size = e.mul(size, extent);
  return size;
}

/// Calls `body` with the numbers of vectors' first elements, and the vectors'
/// ends, where something is not finite.
static void findNotFinite(Kernel &k, const Buffer &x,
                          function_ref<void(Ix, Ix)> body) {
  Emit &e = k.e;
  int64_t lanes = k.lanesOf(x.element);
  Ix size = sizeOf(e, x);
  e.vectorLoop(0, size, lanes, /*peel=*/false, [&](Ix i, Lanes covered) {
    Value bad = isNotFinite(
        e, e.load(e.at(x.pointer, i, x.element), 1, x.element, covered));
    Value any = e.make<LLVM::BitcastOp>(e.getIntegerType(unsigned(lanes)), bad);
    Value none = e.constant(e.getIntegerAttr(any.getType(), 0));
    e.when(e.make<arith::CmpIOp>(arith::CmpIPredicate::ne, any, none),
           [&] { body(i, e.min(e.add(i, lanes), size)); });
  });
}

static Value loadElement(Emit &e, const Buffer &x, Ix i) {
  return e.load(e.at(x.pointer, i, x.element), 1, x.element, Lanes());
}

static Value loadDouble(Emit &e, const Buffer &x, Ix i) {
  return cast(ScalarExpr(e, e.loc, loadElement(e, x, i)), e.getF64Type());
}

namespace {
/// One check: x, and what it was computed from.
struct Check {
  Kernel &k;
  Emit &e;
  CheckOp op;
  const Buffer &x;
  llvm::SmallVector<const Buffer *> operands;
  bool isPointwise;

  void emit();
  Value isSpoilt();
  void report(Ix first);
};
} // namespace

/// The operation's name, as long as the module lives.
static Value nameOf(Kernel &k, CheckOp op) {
  Emit &e = k.e;
  std::string name = (k.function.getSymName() + ".op").str();
  {
    OpBuilder::InsertionGuard guard(e);
    e.setInsertionPoint(k.function);
    std::string text = op.getWhat().str();
    text.push_back('\0');
    e.make<LLVM::GlobalOp>(
        LLVM::LLVMArrayType::get(e.getI8Type(), unsigned(text.size())),
        /*isConstant=*/true, LLVM::Linkage::Internal, name,
        e.getStringAttr(text));
  }
  return e.make<LLVM::AddressOfOp>(e.ptrType(), name);
}

/// Of an op that is not pointwise: whether an operand has such an element.
Value Check::isSpoilt() {
  Value found = e.stack(e.getI64Type(), 1);
  e.storeRaw(e.value(0), found, 8);
  for (const Buffer *operand : operands)
    if (isa<FloatType>(operand->element))
      findNotFinite(k, *operand,
                    [&](Ix, Ix) { e.storeRaw(e.value(1), found, 8); });
  return e.compare(arith::CmpIPredicate::ne,
                   Ix(e.loadRaw(e.getI64Type(), found, 8)), 0);
}

void Check::report(Ix first) {
  k.report(ETCH_ERROR_VALUE, e.value(first), e.value(sizeOf(e, x)),
           [&](Value error) {
             auto put = [&](Value value, size_t offset, unsigned bytes) {
               e.storeRaw(value, e.atByte(error, int64_t(offset)), bytes);
             };
             auto number = [&](int64_t n, size_t offset) {
               put(e.constant(e.getI32IntegerAttr(int32_t(n))), offset, 4);
             };
             put(nameOf(k, op), offsetof(etch_error_t, op), 8);
             number(op.getBackward(), offsetof(etch_error_t, backward));
             size_t rank =
                 std::min<size_t>(x.extents.size(), ETCH_ERROR_MAX_RANK);
             number(int64_t(rank), offsetof(etch_error_t, rank));
             Ix rest = first;
             for (size_t axis = rank; axis-- > 0;) {
               put(e.value(e.rem(rest, x.extents[axis])),
                   offsetof(etch_error_t, index) + 8 * axis, 8);
               rest = e.div(rest, x.extents[axis]);
             }
             size_t values = offsetof(etch_error_t, values);
             put(loadDouble(e, x, first), values, 8);
             size_t count = 1;
             for (const Buffer *operand : operands)
               if (isPointwise && count < ETCH_ERROR_MAX_VALUES)
                 put(loadDouble(e, *operand, first), values + 8 * count++, 8);
             number(int64_t(count), offsetof(etch_error_t, num_values));
           });
}

void Check::emit() {
  Ix size = sizeOf(e, x);
  Value slot = e.stack(e.getI64Type(), 1);
  auto first = [&] { return Ix(e.loadRaw(e.getI64Type(), slot, 8)); };
  e.storeRaw(e.value(size), slot, 8);
  findNotFinite(k, x, [&](Ix from, Ix to) {
    e.loop(from, to, 1, [&](Ix i) {
      Value bad = isNotFinite(e, loadElement(e, x, i));
      for (const Buffer *operand : operands)
        if (isPointwise && isa<FloatType>(operand->element)) {
          Value one = e.constant(e.getI1Type(), 1, 1);
          Value good = e.make<arith::XOrIOp>(
              isNotFinite(e, loadElement(e, *operand, i)), one);
          bad = e.make<arith::AndIOp>(bad, good);
        }
      Value earlier = e.compare(arith::CmpIPredicate::slt, i, first());
      e.when(e.make<arith::AndIOp>(bad, earlier),
             [&] { e.storeRaw(e.value(i), slot, 8); });
    });
  });
  e.when(e.compare(arith::CmpIPredicate::slt, first(), size), [&] {
    if (isPointwise)
      return report(first());
    e.when(isSpoilt(), [] {}, [&] { report(first()); });
  });
}

/// A number in [0, most].
static void emitNumber(Kernel &k, CheckOp op, const Buffer &x, int64_t most) {
  Emit &e = k.e;
  Value given = loadElement(e, x, 0);
  Value outside = e.compare(arith::CmpIPredicate::ugt, Ix(given), most);
  e.when(outside, [&] {
    k.report(ETCH_ERROR_INDEX, given, e.value(most), [&](Value error) {
      e.storeRaw(nameOf(k, op), e.atByte(error, offsetof(etch_error_t, op)), 8);
    });
  });
}

/// A launch is one unit: it says which element is the first.
LogicalResult etch::cpu::emitCheck(Kernel &k) {
  auto op = k.results()[0].getDefiningOp<CheckOp>();
  if (!op || !llvm::all_of(op->getOperands(),
                           [](Value x) { return isa<BlockArgument>(x); }))
    return k.source.emitError("a check is alone in its kernel");
  auto bufferOf = [&](Value x) -> const Buffer & {
    return k.buffers[k.bufferOf(cast<BlockArgument>(x))];
  };
  k.work = [](Emit &, ArrayRef<Extents>) { return Work(); };
  if (std::optional<uint64_t> most = op.getMost()) {
    emitNumber(k, op, bufferOf(op.getX()), int64_t(*most));
    return success();
  }
  const OpInfo *what = findOp(op.getWhat());
  Check check{k,  k.e,
              op, bufferOf(op.getX()),
              {}, what && what->kind == OpKind::pointwise};
  for (Value x : op.getInputs())
    check.operands.push_back(&bufferOf(x));
  check.emit();
  return success();
}

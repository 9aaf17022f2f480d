//===- Check.cpp - Looking for NaN and infinity ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Some thousand threads look at an element each, and at those so many further;
// each notes the first one that is not finite, and whether an operand has any.
// Then one thread finds the first of these.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Kernel.h"

#include "etch/runtime.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

/// Threads that look.
constexpr int64_t kUnits = 4096;

/// Whether x is NaN or infinite: only then x - x is not 0.
static Value isNotFinite(Emit &e, Value x) {
  Value difference = e.make<arith::SubFOp>(x, x);
  Value zero = e.constant(cast<TypedAttr>(e.getZeroAttr(x.getType())));
  return e.make<arith::CmpFOp>(arith::CmpFPredicate::UNE, difference, zero);
}

static Ix sizeOf(Emit &e, const Extents &extents) {
  Ix size = 1;
  for (Ix extent : extents)
    size = e.mul(size, extent);
  return size;
}

namespace {
/// One check: x, and what it was computed from. Buffers are those of the stage
/// at hand.
struct Check {
  Kernel &k;
  CheckOp op;
  bool isPointwise;

  LogicalResult emit();
  void look(Ix unit);
  void judge();
  void report(Ix first);

  const Buffer &x() { return *k.argumentBuffer(op.getX()); }
  const Buffer &operand(Value v) { return *k.argumentBuffer(v); }
  bool isFloat(Value v) {
    return isa<FloatType>(cast<RankedTensorType>(v.getType()).getElementType());
  }
  /// What units note: their first element, whether operands are spoilt; then
  /// the first of all.
  Ix note(Ix which) { return Ix(k.load(k.scratch(), which, k.e.getI64Type())); }
  void note(Ix which, Ix value) {
    k.store(k.e.value(value), k.scratch(), which);
  }
};
} // namespace

void Check::look(Ix unit) {
  Emit &e = k.e;
  Ix size = sizeOf(e, x().extents), spoilt = e.add(unit, kUnits);
  note(unit, size);
  note(spoilt, 0);
  e.loop(unit, size, kUnits, [&](Ix i) {
    Value bad = isNotFinite(e, k.load(x().pointer, i, x().element));
    for (Value v : op.getInputs())
      if (isPointwise && isFloat(v)) {
        const Buffer &from = operand(v);
        Value good = e.make<arith::XOrIOp>(
            isNotFinite(e, k.load(from.pointer, i, from.element)),
            e.constant(e.getI1Type(), 1, 1));
        bad = e.make<arith::AndIOp>(bad, good);
      }
    Value earlier = e.compare(arith::CmpIPredicate::ult, i, note(unit));
    e.when(e.make<arith::AndIOp>(bad, earlier), [&] { note(unit, i); });
  });
  if (isPointwise)
    return;
  for (Value v : op.getInputs())
    if (isFloat(v)) {
      const Buffer &from = operand(v);
      e.loop(unit, sizeOf(e, from.extents), kUnits, [&](Ix i) {
        e.when(isNotFinite(e, k.load(from.pointer, i, from.element)),
               [&] { note(spoilt, 1); });
      });
    }
}

void Check::judge() {
  Emit &e = k.e;
  Ix size = sizeOf(e, x().extents), all = 2 * kUnits, any = 2 * kUnits + 1;
  note(all, size);
  note(any, 0);
  e.loop(0, kUnits, 1, [&](Ix unit) {
    e.when(e.compare(arith::CmpIPredicate::ult, note(unit), note(all)),
           [&] { note(all, note(unit)); });
    e.when(e.compare(arith::CmpIPredicate::ne, note(e.add(unit, kUnits)), 0),
           [&] { note(any, 1); });
  });
  Value found = e.make<arith::AndIOp>(
      e.compare(arith::CmpIPredicate::ult, note(all), size),
      e.compare(arith::CmpIPredicate::eq, note(any), 0));
  e.when(found, [&] { report(note(all)); });
}

void Check::report(Ix first) {
  Emit &e = k.e;
  k.report(ETCH_ERROR_VALUE, e.value(first), e.value(sizeOf(e, x().extents)),
           [&](Value error) {
             auto put = [&](Value value, size_t offset) {
               e.storeRaw(value, e.atByte(error, int64_t(offset)), 0);
             };
             auto number = [&](int64_t n, size_t offset) {
               put(e.constant(e.getI32IntegerAttr(int32_t(n))), offset);
             };
             number(op.getBackward(), offsetof(etch_error_t, backward));
             size_t rank =
                 std::min<size_t>(x().extents.size(), ETCH_ERROR_MAX_RANK);
             number(int64_t(rank), offsetof(etch_error_t, rank));
             Ix rest = first;
             for (size_t axis = rank; axis-- > 0;) {
               put(e.value(e.rem(rest, x().extents[axis])),
                   offsetof(etch_error_t, index) + 8 * axis);
               rest = e.div(rest, x().extents[axis]);
             }
             auto value = [&](const Buffer &buffer, size_t n) {
               Value v = k.load(buffer.pointer, first, buffer.element);
               put(cast(ScalarExpr(e, e.loc, v), e.getF64Type()),
                   offsetof(etch_error_t, values) + 8 * n);
             };
             value(x(), 0);
             size_t count = 1;
             for (Value v : op.getInputs())
               if (isPointwise && count < ETCH_ERROR_MAX_VALUES)
                 value(operand(v), count++);
             number(int64_t(count), offsetof(etch_error_t, num_values));
           });
}

LogicalResult Check::emit() {
  if (std::optional<uint64_t> most = op.getMost()) {
    // A number in [0, most].
    k.forEach([](Emit &, ArrayRef<Extents>) { return Ix(1); },
              [&](Ix) {
                Emit &e = k.e;
                Ix given = Ix(k.load(x().pointer, 0, e.getI64Type()));
                e.when(e.compare(arith::CmpIPredicate::ugt, given,
                                 Ix(int64_t(*most))),
                       [&] {
                         k.report(ETCH_ERROR_INDEX, e.value(given),
                                  e.value(Ix(int64_t(*most))), [](Value) {});
                       });
              });
  } else {
    k.scratchBytes = [](Emit &, ArrayRef<Extents>) {
      return Ix(8 * (2 * kUnits + 2));
    };
    k.forEach([](Emit &, ArrayRef<Extents>) { return Ix(kUnits); },
              [&](Ix unit) { look(unit); });
    k.forEach([](Emit &, ArrayRef<Extents>) { return Ix(1); },
              [&](Ix) { judge(); });
  }
  // Behind this the host finds what was checked.
  for (Stage &stage : k.stages)
    stage.function.setSymName(
        (stage.function.getSymName() + kCheckMark + op.getWhat()).str());
  k.isCheck = true;
  return success();
}

LogicalResult etch::cuda::emitCheck(Kernel &k) {
  auto op = k.results()[0].getDefiningOp<CheckOp>();
  if (!op || !llvm::all_of(op->getOperands(),
                           [](Value x) { return isa<BlockArgument>(x); }))
    return k.source.emitError("a check is alone in its kernel");
  const OpInfo *what = findOp(op.getWhat());
  return Check{k, op, what && what->kind == OpKind::pointwise}.emit();
}

//===- GemmStream.cpp - Few rows by a large matrix ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A few rows use each element of a matrix once or a few times: how fast it
// comes from memory is all that counts, and only long runs of addresses come
// fast. So a unit goes through some rows of the matrix side by side, for many
// columns, whose sums wait in the nearest cache meanwhile.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Gemm.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarExpr.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Rows of the matrix that are read side by side; sums of a unit, in bytes; the
/// least matrix, in bytes, that is not in a cache anyway.
static constexpr int64_t kStreams = 16, kSums = 64 << 10, kLarge = 3 << 20;
/// Rows of x: more of them are worth panels.
static constexpr int64_t kMostRows = 8;
/// Rows of x whose numbers for so many rows of the matrix are kept in
/// registers; sums of them, in bytes.
static constexpr int64_t kRowsKept = 4, kRowsAtOnce = 4, kNearSums = 16 << 10;

namespace {

class StreamedProduct {
public:
  StreamedProduct(Kernel &k, MatmulOp op) : k(k), e(k.e), op(op) {}
  LogicalResult emit();

private:
  LogicalResult bind();
  void emitUnits(int64_t rows);
  void emitColumns(Ix begin, Ix end, int64_t most);
  void addRows(Ix row, int64_t steps);
  void addGroup(Ix row, Ix steps, Value none);
  void addStrip(Ix row, Ix steps, Value none, Ix column, int64_t vectors,
                Value mask);
  void addBlock(Ix from);
  void clearSums();
  void finish();
  Value sumAt(Value base, Ix row, Ix column) {
    return e.at(base, e.add(e.mul(row, sumColumns), column), element);
  }
  Value sum(Value a, Value b) {
    return ScalarExpr(e, e.loc, a) + ScalarExpr(e, e.loc, b);
  }

  Kernel &k;
  Emit &e;
  MatmulOp op;
  Type element;
  const Buffer *x, *w;
  Ix m;
  int64_t n, depth, lanes, unitColumns;
  int64_t sumColumns; ///< that there is room for
  std::optional<Evaluator> after;
  int64_t rows, vectors; ///< of a register tile
  // Of the columns at hand:
  Ix firstColumn, columns;
  Value block, total; ///< sums of the block of K, and of those before
};

} // namespace

Value etch::cpu::isFewRows(Emit &e, Ix m) {
  return e.compare(arith::CmpIPredicate::ult, e.sub(m, 1), kMostRows);
}

bool etch::cpu::streamsMatrix(Kernel &k, MatmulOp op) {
  auto x = cast<RankedTensorType>(op->getOperand(0).getType()),
       w = cast<RankedTensorType>(op->getOperand(1).getType());
  const Buffer *left = k.argumentBuffer(op->getOperand(0)),
               *right = k.argumentBuffer(op->getOperand(1));
  if (!left || !right || !right->dense || x.getRank() != 2 ||
      !w.hasStaticShape() || !isa<FloatType>(w.getElementType()) ||
      k.options.vectorBits < 512)
    return false;
  int64_t bytes = k.e.bytesOf(w.getElementType()), m = x.getDimSize(0);
  return (x.isDynamicDim(0) || (m >= 1 && m <= kMostRows)) &&
         w.getDimSize(1) * bytes >= 1024 &&
         w.getNumElements() * bytes >= kLarge;
}

LogicalResult StreamedProduct::bind() {
  x = k.argumentBuffer(op->getOperand(0));
  w = k.argumentBuffer(op->getOperand(1));
  element = w->element;
  auto matrix = cast<RankedTensorType>(op->getOperand(1).getType());
  m = k.extentOf(op->getOperand(0), 0).in(ArrayRef<Buffer>(k.buffers));
  depth = matrix.getDimSize(0);
  n = matrix.getDimSize(1);
  lanes = k.lanesOf(element);
  // Work for several threads, of runs as long as may be.
  int64_t bytes = e.bytesOf(element);
  unitColumns =
      std::min(kSums / (2 * kMostRows * bytes),
               std::max<int64_t>(llvm::divideCeil(n, 4), 1024 / bytes));
  unitColumns = llvm::alignTo(unitColumns, 4 * lanes);
  after.emplace(k, SmallVector<Ix>{1, m, n}, ArrayRef<int>{1, 2});
  return after->writeResults(op.getResult());
}

/// `steps` rows of the matrix from `row` on, for some columns. `none`: whether
/// they are the first of a block of K.
void StreamedProduct::addStrip(Ix row, Ix steps, Value none, Ix column,
                               int64_t vectors, Value mask) {
  SmallVector<Value> sums;
  Value zero = e.constant(element, 0, lanes);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t v = 0; v < vectors; ++v) {
      Value before = e.load(sumAt(block, r, e.add(column, v * lanes)), 1,
                            element, Lanes{lanes, {}});
      sums.push_back(e.make<arith::SelectOp>(none, zero, before));
    }
  Value right = e.at(w->pointer,
                     e.add(e.mul(row, n), e.add(firstColumn, column)), element);
  Value left = e.at(x->pointer, e.mul(row, x->strides[1]), element);
  sums = e.loop(0, steps, 1, sums, [&](Ix step, ValueRange carried) {
    SmallVector<Value> next, matrix;
    Value at = e.at(right, e.mul(step, n), element);
    for (int64_t v = 0; v < vectors; ++v)
      matrix.push_back(
          e.load(e.at(at, v * lanes, element), 1, element, Lanes{lanes, mask}));
    for (int64_t r = 0; r < rows; ++r) {
      // Behind the last row: that one again. Nobody looks at its sums.
      Ix own = m.isKnown() ? Ix(r) : e.min(r, e.sub(m, 1));
      Ix place = e.add(e.mul(own, x->strides[0]), e.mul(step, x->strides[1]));
      Value number =
          e.load(e.at(left, place, element), 0, element, Lanes{lanes, {}});
      for (int64_t v = 0; v < vectors; ++v)
        next.push_back(fma(ScalarExpr(e, e.loc, number),
                           ScalarExpr(e, e.loc, matrix[size_t(v)]),
                           ScalarExpr(e, e.loc, carried[size_t(next.size())])));
    }
    return next;
  });
  for (auto [number, value] : llvm::enumerate(sums)) {
    int64_t i = int64_t(number);
    e.store(value,
            sumAt(block, i / vectors, e.add(column, i % vectors * lanes)),
            Lanes{lanes, {}});
  }
}

void StreamedProduct::addGroup(Ix row, Ix steps, Value none) {
  int64_t step = vectors * lanes;
  Ix whole = n % step == 0 ? columns : e.mul(e.div(columns, step), step);
  e.loop(0, whole, step, [&](Ix column) {
    addStrip(row, steps, none, column, vectors, Value());
  });
  if (n % step == 0)
    return;
  e.loop(whole, columns, lanes, [&](Ix column) {
    addStrip(row, steps, none, column, 1,
             e.maskBelow(e.sub(columns, column), lanes));
  });
}

void StreamedProduct::clearSums() {
  Value zero = e.constant(element, 0, lanes);
  for (int64_t r = 0; r < rows; ++r)
    e.loop(0, columns, lanes, [&](Ix column) {
      e.store(zero, sumAt(block, r, column), Lanes{lanes, {}});
    });
}

/// A few rows of the matrix, from end to end: so many streams of addresses,
/// which go on in the rows behind them.
void StreamedProduct::addRows(Ix row, int64_t steps) {
  SmallVector<Value> numbers, places;
  for (int64_t s = 0; s < steps; ++s) {
    Ix step = e.add(row, s);
    places.push_back(
        e.at(w->pointer, e.add(e.mul(step, n), firstColumn), element));
    for (int64_t r = 0; r < rows; ++r) {
      Ix place = e.add(e.mul(r, x->strides[0]), e.mul(step, x->strides[1]));
      numbers.push_back(
          e.load(e.at(x->pointer, place, element), 0, element, {lanes, {}}));
    }
  }
  e.vectorLoop(0, columns, lanes, /*peel=*/true, [&](Ix column, Lanes covered) {
    SmallVector<Value> matrix;
    for (Value place : places) {
      Value at = e.at(place, column, element);
      matrix.push_back(e.load(at, 1, element, covered));
      e.prefetch(e.at(at, steps * n, element));
    }
    for (int64_t r = 0; r < rows; ++r) {
      Value place = sumAt(block, r, column);
      Value value = e.load(place, 1, element, Lanes{lanes, {}});
      for (int64_t s = 0; s < steps; ++s)
        value = fma(ScalarExpr(e, e.loc, numbers[size_t(s * rows + r)]),
                    ScalarExpr(e, e.loc, matrix[size_t(s)]),
                    ScalarExpr(e, e.loc, value));
      e.store(value, place, Lanes{lanes, {}});
    }
  });
}

/// A block of K is done: its sums behind those of the blocks before.
void StreamedProduct::addBlock(Ix from) {
  Value first = e.compare(arith::CmpIPredicate::eq, from, 0);
  e.loop(0, m, 1, [&](Ix r) {
    e.loop(0, columns, lanes, [&](Ix column) {
      Value value =
          e.load(sumAt(block, r, column), 1, element, Lanes{lanes, {}});
      Value before =
          e.load(sumAt(total, r, column), 1, element, Lanes{lanes, {}});
      value = e.make<arith::SelectOp>(first, value, sum(before, value));
      e.store(value, sumAt(total, r, column), Lanes{lanes, {}});
    });
  });
}

void StreamedProduct::finish() {
  e.loop(0, m, 1, [&](Ix r) {
    after->enter({Ix(0), r, Ix(0)}, 2);
    e.vectorLoop(0, columns, lanes, /*peel=*/false, [&](Ix c, Lanes covered) {
      after->point(e.add(firstColumn, c), covered);
      after->give(op.getResult(),
                  e.load(sumAt(total, r, c), 1, element, Lanes{lanes, {}}));
      after->store();
    });
  });
}

/// Columns from one to another, at most so many at a time.
void StreamedProduct::emitColumns(Ix begin, Ix end, int64_t most) {
  sumColumns = most;
  total = e.at(block, rows * most, element);
  e.loop(begin, end, most, [&](Ix first) {
    firstColumn = first;
    columns = e.min(most, e.sub(end, first));
    e.loop(0, depth, kGemmBlock, [&](Ix from) {
      Ix last = e.min(e.add(from, kGemmBlock), depth);
      if (rows <= kRowsKept) {
        clearSums();
        Ix whole = last;
        if (depth % kRowsAtOnce)
          whole = e.mul(e.div(last, kRowsAtOnce), kRowsAtOnce);
        e.loop(from, whole, kRowsAtOnce,
               [&](Ix row) { addRows(row, kRowsAtOnce); });
        e.loop(whole, last, 1, [&](Ix row) { addRows(row, 1); });
      } else {
        e.loop(from, last, kStreams, [&](Ix row) {
          Ix steps = depth % kStreams ? e.min(kStreams, e.sub(last, row))
                                      : Ix(kStreams);
          addGroup(row, steps, e.compare(arith::CmpIPredicate::eq, row, from));
        });
      }
      addBlock(from);
    });
    finish();
  });
}

void StreamedProduct::emitUnits(int64_t rows) {
  this->rows = rows;
  // Chains enough to hide how long a multiply-add takes, few registers.
  vectors = 2;
  block = k.scratch();
  // What one thread has is one run of columns, where its sums stay near.
  int64_t most = unitColumns;
  if (rows <= kRowsKept)
    most =
        std::max(most, kNearSums / (rows * e.bytesOf(element)) / lanes * lanes);
  emitColumns(e.mul(Ix(k.begin), unitColumns),
              e.min(e.mul(Ix(k.end), unitColumns), n), most);
}

LogicalResult StreamedProduct::emit() {
  if (failed(bind()))
    return failure();
  if (m.isKnown())
    emitUnits(m.known);
  else
    e.when(
        e.compare(arith::CmpIPredicate::eq, m, 1), [&] { emitUnits(1); },
        [&] { emitUnits(kMostRows); });
  ExtentRef of = k.extentOf(op->getOperand(0), 0);
  int64_t count = llvm::divideCeil(n, unitColumns), each = n * (depth + 4) / 4,
          bytes = std::max(2 * kMostRows * unitColumns * e.bytesOf(element),
                           2 * kNearSums) +
                  64;
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    Work work;
    work.count = count;
    work.cost = e.mul(of.in(shapes), each);
    work.grain = 1;
    return work;
  };
  k.scratchBytes = [=](Emit &, ArrayRef<Extents>) { return Ix(bytes); };
  return success();
}

LogicalResult etch::cpu::emitStreamedProduct(Kernel &k, MatmulOp op) {
  return StreamedProduct(k, op).emit();
}

//===- GemmStream.cpp - Few rows by a large matrix ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A few rows use each element of a matrix so few times that how fast it comes
// from memory counts most, and only long runs of addresses come fast. So a unit
// goes through some rows of the matrix side by side, for many columns, whose
// sums wait in a cache meanwhile.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Gemm.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarExpr.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Rows of the matrix that are read side by side.
static constexpr int64_t kStreams = 32;
/// Rows of x: more of them are worth panels. Those of a matrix that the second
/// cache holds may as well be packed, unless it is for any number of rows.
static constexpr int64_t kMostRows = 48, kOpenRows = 16;
/// Sums of a block of K, in bytes.
static constexpr int64_t kSums = 128 << 10;
/// Vectors of a register tile: chains enough to hide how long a multiply-add
/// takes.
static constexpr int64_t kVectors = 2;

namespace {

/// Rows of x in tiles of as many rows, and those behind `whole` in lower tiles;
/// as many rows of sums as the tiles have.
struct Runs {
  Ix whole, rows;
  int64_t height, rest;
};

class StreamedProduct {
public:
  StreamedProduct(Kernel &k, MatmulOp op) : k(k), e(k.e), op(op) {}
  LogicalResult emit();

private:
  LogicalResult bind();
  void emitUnits(Ix rows);
  void emitPiece();
  void copyNumbers(Ix row, Ix steps);
  void addGroup(Ix row, Ix steps, Value none);
  void addTile(Ix first, int64_t height, Ix row, Ix steps, Value none,
               Ix column, ArrayRef<Lanes> covered);
  void addBlock(Ix from);
  void finish();
  Value sumAt(Value base, Ix row, Ix column) {
    return e.at(base, e.add(e.mul(row, e.add(sumColumns, lanes)), column),
                element);
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
  std::optional<Evaluator> after;
  Runs runs;
  Ix sumColumns; ///< for which there is room
  // Of the columns at hand:
  Ix firstColumn, columns;
  Value block, total; ///< sums of the block of K, and of those before
  Value numbers;      ///< of x, `kStreams` of each row
  Value copied;       ///< of the matrix, for several tiles
};

} // namespace

int64_t etch::cpu::streamedRows(Kernel &k, MatmulOp op) {
  auto x = cast<RankedTensorType>(op->getOperand(0).getType()),
       w = cast<RankedTensorType>(op->getOperand(1).getType());
  const Buffer *left = k.argumentBuffer(op->getOperand(0)),
               *right = k.argumentBuffer(op->getOperand(1));
  if (!left || !right || !right->dense || x.getRank() != 2 ||
      !w.hasStaticShape() || !isa<FloatType>(w.getElementType()))
    return 0;
  int64_t bytes = k.e.bytesOf(w.getElementType());
  if (w.getDimSize(1) * bytes < 256 || w.getDimSize(0) < 4)
    return 0;
  if (w.getNumElements() * bytes > k.options.cacheBytes)
    return kMostRows;
  return x.isDynamicDim(0) ? kOpenRows : 0;
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
      std::clamp<int64_t>(llvm::divideCeil(n, 4), 1024 / bytes, 4096 / bytes);
  unitColumns = llvm::alignTo(unitColumns, 4 * lanes);
  after.emplace(k, SmallVector<Ix>{1, m, n}, ArrayRef<int>{1, 2});
  return after->writeResults(op.getResult());
}

/// Some rows of x by `steps` rows of the matrix from `row` on, for some
/// columns. `none`: whether they are the first of a block of K.
void StreamedProduct::addTile(Ix first, int64_t height, Ix row, Ix steps,
                              Value none, Ix column, ArrayRef<Lanes> covered) {
  int64_t vectors = int64_t(covered.size());
  SmallVector<Value> sums;
  auto place = [&](int64_t r, int64_t v) {
    return sumAt(block, e.add(first, r), e.add(column, v * lanes));
  };
  Value zero = e.constant(element, 0, lanes);
  for (int64_t r = 0; r < height; ++r)
    for (int64_t v = 0; v < vectors; ++v)
      sums.push_back(e.make<arith::SelectOp>(
          none, zero, e.load(place(r, v), 1, element, Lanes{lanes, {}})));
  Value matrix = e.at(
      w->pointer, e.add(e.mul(row, n), e.add(firstColumn, column)), element);
  Value left = e.at(numbers, e.mul(first, kStreams), element);
  // The first of several tiles copies what it reads for the others: rows of the
  // matrix may be as far apart as a way of the nearest cache is long.
  bool isOnly = runs.rows.isKnown() && runs.rows.known <= height;
  Value isFirst = e.compare(arith::CmpIPredicate::eq, first, 0),
        hasNone = e.compare(arith::CmpIPredicate::sle, runs.rows, height);
  Value right =
      isOnly ? matrix : e.make<arith::SelectOp>(isFirst, matrix, copied);
  Ix pitch = isOnly ? Ix(n) : e.select(isFirst, n, vectors * lanes);
  // One tile fetches the next columns; two a vector each of the next rows, so
  // that memory has something to do while the second one computes.
  SmallVector<Ix> fetched;
  for (int64_t v = 0; v < vectors; ++v) {
    Ix columns = (vectors + v) * lanes;
    Ix rows = e.add(kStreams * n, e.select(isFirst, 0, (vectors - 1) * lanes));
    if (isOnly)
      fetched.push_back(columns);
    else if (v == 0 || !runs.rows.isKnown())
      fetched.push_back(runs.rows.isKnown() ? rows
                                            : e.select(hasNone, columns, rows));
  }
  sums = e.loop(0, steps, 1, sums, [&](Ix step, ValueRange carried) {
    SmallVector<Value> next, read;
    Value at = e.at(right, e.mul(step, pitch), element);
    for (int64_t v = 0; v < vectors; ++v)
      read.push_back(
          e.load(e.at(at, v * lanes, element), 1, element, covered[size_t(v)]));
    for (int64_t v = 0; v < vectors && !isOnly; ++v)
      e.store(
          read[size_t(v)],
          e.at(copied, e.add(e.mul(step, vectors * lanes), v * lanes), element),
          Lanes{lanes, {}});
    for (Ix next : fetched)
      e.prefetch(e.at(matrix, e.add(e.mul(step, n), next), element));
    for (int64_t r = 0; r < height; ++r) {
      Value number = e.load(e.at(left, e.add(r * kStreams, step), element), 0,
                            element, Lanes{lanes, {}});
      for (int64_t v = 0; v < vectors; ++v)
        next.push_back(fma(ScalarExpr(e, e.loc, number),
                           ScalarExpr(e, e.loc, read[size_t(v)]),
                           ScalarExpr(e, e.loc, carried[size_t(next.size())])));
    }
    return next;
  });
  for (auto [number, value] : llvm::enumerate(sums)) {
    int64_t i = int64_t(number);
    e.store(value, place(i / vectors, i % vectors), Lanes{lanes, {}});
  }
}

/// Of x for so many rows of the matrix, side by side: its rows may be as far
/// apart, too.
void StreamedProduct::copyNumbers(Ix row, Ix steps) {
  e.loop(0, runs.rows, 1, [&](Ix r) {
    // Behind the last row: that one again. Nobody looks at its sums.
    Ix own = m.isKnown() ? r : e.min(r, e.sub(m, 1));
    Value from = e.at(
        x->pointer, e.add(e.mul(own, x->strides[0]), e.mul(row, x->strides[1])),
        element);
    Value to = e.at(numbers, e.mul(r, kStreams), element);
    e.vectorLoop(0, steps, lanes, /*peel=*/false, [&](Ix step, Lanes covered) {
      Value at = e.at(from, e.mul(step, x->strides[1]), element);
      e.store(e.load(at, x->strides[1], element, covered),
              e.at(to, step, element), covered);
    });
  });
}

/// All rows of x by `steps` rows of the matrix.
void StreamedProduct::addGroup(Ix row, Ix steps, Value none) {
  copyNumbers(row, steps);
  auto strip = [&](Ix column, ArrayRef<Lanes> covered) {
    for (auto [from, to, height] : {std::tuple(Ix(0), runs.whole, runs.height),
                                    {runs.whole, runs.rows, runs.rest}})
      if (height)
        e.loop(from, to, height, [&, height = height](Ix first) {
          addTile(first, height, row, steps, none, column, covered);
        });
  };
  int64_t step = kVectors * lanes;
  bool isWhole = n % step == 0;
  Ix whole = isWhole ? columns : e.mul(e.div(columns, step), step);
  e.loop(0, whole, step, [&](Ix column) {
    strip(column, SmallVector<Lanes>(size_t(kVectors), {lanes, {}}));
  });
  if (!isWhole)
    e.loop(whole, columns, lanes, [&](Ix column) {
      Value mask = e.maskBelow(e.sub(columns, column), lanes);
      strip(column, Lanes{lanes, mask});
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

void StreamedProduct::emitPiece() {
  e.loop(0, depth, kGemmBlock, [&](Ix from) {
    Ix last = e.min(e.add(from, kGemmBlock), depth);
    e.loop(from, last, kStreams, [&](Ix row) {
      Ix steps =
          depth % kStreams ? e.min(kStreams, e.sub(last, row)) : Ix(kStreams);
      addGroup(row, steps, e.compare(arith::CmpIPredicate::eq, row, from));
    });
    addBlock(from);
  });
  finish();
}

/// Tiles of nearly as many rows, as registers have room for; of any number of
/// rows, tiles of few.
static Runs runsOf(Emit &e, Ix m, bool masks) {
  int64_t most = masks ? 14 : 6, open = masks ? 8 : 4;
  if (!m.isKnown())
    return {e.mul(e.div(m, open), open), e.roundUp(m, open / 2), open,
            open / 2};
  int64_t tiles = llvm::divideCeil(m.known, most),
          height = llvm::divideCeil(m.known, tiles),
          tall = m.known - tiles * (height - 1);
  return {height * tall, m, height, tall < tiles ? height - 1 : 0};
}

/// For which there is room, of so many rows: whole tiles.
static Ix sumColumnsOf(Emit &e, Ix rows, int64_t n, int64_t lanes,
                       int64_t bytes) {
  int64_t least = 4 * lanes;
  Ix most = e.div(kSums / bytes, rows);
  return e.min(e.max(e.mul(e.div(most, least), least), least),
               int64_t(llvm::alignTo(n, least)));
}

/// What one thread has is one run of columns, as long as there is room for
/// their sums.
void StreamedProduct::emitUnits(Ix rows) {
  runs = runsOf(e, rows, k.options.vectorBits >= 512);
  sumColumns = sumColumnsOf(e, runs.rows, n, lanes, e.bytesOf(element));
  block = k.scratch();
  total = sumAt(block, runs.rows, 0);
  numbers = sumAt(total, runs.rows, 0);
  copied = e.at(numbers, e.mul(runs.rows, kStreams), element);
  Ix begin = e.mul(Ix(k.begin), unitColumns),
     end = e.min(e.mul(Ix(k.end), unitColumns), n);
  e.loop(0, e.ceilDiv(e.sub(end, begin), sumColumns), 1, [&](Ix piece) {
    firstColumn = e.add(begin, e.mul(piece, sumColumns));
    columns = e.min(sumColumns, e.sub(end, firstColumn));
    emitPiece();
  });
}

LogicalResult StreamedProduct::emit() {
  if (failed(bind()))
    return failure();
  if (m.isKnown())
    emitUnits(m);
  else
    e.when(
        e.compare(arith::CmpIPredicate::eq, m, 1), [&] { emitUnits(1); },
        [&] { emitUnits(m); });
  ExtentRef of = k.extentOf(op->getOperand(0), 0);
  int64_t count = llvm::divideCeil(n, unitColumns), each = n * (depth + 4) / 4,
          bytes = e.bytesOf(element);
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    Work work;
    work.count = count;
    work.cost = e.mul(of.in(shapes), each);
    work.grain = 1;
    return work;
  };
  bool masks = k.options.vectorBits >= 512;
  k.scratchBytes = [=, n = n, lanes = lanes](Emit &e,
                                             ArrayRef<Extents> shapes) {
    Ix rows = runsOf(e, e.min(of.in(shapes), kMostRows), masks).rows;
    Ix sums = sumColumnsOf(e, e.max(rows, 1), n, lanes, bytes);
    Ix each = e.add(e.mul(e.add(sums, lanes), 2), kStreams);
    return e.add(
        e.mul(e.add(e.mul(rows, each), kStreams * kVectors * lanes), bytes),
        64);
  };
  return success();
}

LogicalResult etch::cpu::emitStreamedProduct(Kernel &k, MatmulOp op) {
  return StreamedProduct(k, op).emit();
}

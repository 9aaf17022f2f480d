//===- Gemm.cpp - Kernels of matrix products ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A unit of work is one tile of the result. For each block of K it packs the
// rows of x and the columns of w that it needs, then runs over register tiles:
// mr rows by a few vectors, accumulators in registers along the block. Sums of
// blocks wait in the result, or in scratch memory where it is not like them;
// after the last block the epilogue reads them.
//
// Convolutions whose windows see one place each are products, too: of filters
// by images, of places by places for the gradient in the filters. Images of one
// place are the rows of a matrix.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Gemm.h"
#include "compiler/Target/CPU/Convolution.h"
#include "compiler/Target/CPU/GemmTiling.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarExpr.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

namespace {

/// Steps of K that columns are fetched ahead of their use.
constexpr int64_t kAhead = 16;

/// Operations of an epilogue that is written out for a whole register tile.
constexpr int64_t kUnrolledEnd = 160;

class Gemm {
public:
  Gemm(Kernel &k, Operation *op) : k(k), e(k.e), op(op) {}
  LogicalResult emit();

private:
  LogicalResult bind();
  LogicalResult bindMatmul();
  LogicalResult bindConvolution();
  LogicalResult bindMatrix(Value operand, bool left, Matrix &matrix);
  void pack(const Matrix &matrix, Value target, Ix length, Ix total,
            int64_t width, int64_t paddedWidth, Ix from, Ix depth);
  void packPart(const Matrix &matrix, Value target, Ix length, Ix total,
                int64_t width, int64_t paddedWidth, Ix depth, Ix pitch);
  void enterRow(Ix batch, Ix row);
  void chooseTiling();
  void emitUnits();
  void emitTile(Ix batch, Ix m0, Ix n0);
  SmallVector<Value> registerTile(Ix i, Ix j, Ix depth, Ix from);
  bool mayKeepSums();
  Ix strideAlong(int axis);
  SmallVector<Value> withSums(Value sums, ValueRange registers, Ix from,
                              Ix columns);
  void addSums(Value sums, ValueRange registers, Ix from, Ix columns);
  std::pair<Value, Lanes> placeOf(Value sums, size_t vector, Ix columns);
  void finish(Value sums, Ix batch, Ix m, Ix n, Ix rows, Ix columns);
  void finishRegisters(ValueRange values, Ix batch, Ix m, Ix n, Ix columns);
  void endTile(Value sums, ValueRange registers, Ix from, Ix batch, Ix m, Ix n,
               Ix rows, Ix columns);
  void emitDot(Ix batch);
  Value multiplyAdd(Value a, Value b, Value c);

  Kernel &k;
  Emit &e;
  Operation *op;
  Type element;
  /// The result's axes, and which of them batch, rows and columns run along;
  /// -1: none.
  SmallVector<Ix> space;
  SmallVector<int> levels;
  int batchAxis = -1, rowAxis = -1, columnAxis = -1;
  bool mayBeDot = true; ///< one row by one column is a sum of products
  ExtentRefs refs;
  Extent4 extents;
  Ix part; ///< steps in one part of K
  Matrix a, b;
  Tiling tiling;
  Tiling::Tiles tiles;
  std::optional<Evaluator> after;
  // Of the tile at hand:
  Value packedA, packedB, sumsBase;
  Matrix tileA, tileB;
  Ix mLength, nLength;
};

} // namespace

/// An operand is an argument, possibly transposed.
LogicalResult Gemm::bindMatrix(Value operand, bool left, Matrix &matrix) {
  int64_t rank = cast<RankedTensorType>(operand.getType()).getRank();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  while (auto transpose = operand.getDefiningOp<TransposeOp>()) {
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    for (int64_t &axis : axes)
      axis = permutation[axis];
    operand = transpose.getX();
  }
  auto arg = dyn_cast<BlockArgument>(operand);
  if (!arg)
    return op->emitError("operands of matmul in a kernel are its arguments");
  const Buffer &buffer = k.buffers[k.bufferOf(arg)];
  matrix.pointer = buffer.pointer;
  matrix.batchStride = rank == 3 ? buffer.strides[axes[0]] : Ix(0);
  matrix.rowStride = buffer.strides[axes[left ? rank - 2 : rank - 1]];
  matrix.depthStride = buffer.strides[axes[left ? rank - 1 : rank - 2]];
  return success();
}

LogicalResult Gemm::bindMatmul() {
  Value x = op->getOperand(0), w = op->getOperand(1);
  int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
  if (rank != 2 && rank != 3)
    return op->emitError("a matmul in a kernel has rank 2 or 3");
  if (failed(bindMatrix(x, true, a)) || failed(bindMatrix(w, false, b)))
    return failure();
  if (rank == 3)
    refs.batch = k.extentOf(x, 0);
  refs.m = k.extentOf(x, unsigned(rank - 2));
  refs.n = k.extentOf(w, unsigned(rank - 1));
  refs.k = k.extentOf(x, unsigned(rank - 1));
  for (const ExtentRef *ref : {&refs.batch, &refs.m, &refs.n})
    space.push_back(ref->in(k.buffers));
  levels = rank == 3 ? SmallVector<int>{0, 1, 2} : SmallVector<int>{1, 2};
  batchAxis = 0;
  rowAxis = 1;
  columnAxis = 2;
  // One column: its elements, contiguous, take the part of the columns.
  if (space[2].is(1) && !space[1].is(1)) {
    std::swap(a, b);
    std::swap(refs.m, refs.n);
    columnAxis = 1;
    rowAxis = -1;
  }
  return success();
}

/// Images are (N, C, 1, places), filters (OC, C, 1, 1).
LogicalResult Gemm::bindConvolution() {
  const Buffer *x = k.argumentBuffer(op->getOperand(0)),
               *w = k.argumentBuffer(op->getOperand(1));
  if (!x || !w)
    return op->emitError("operands of a convolution in a kernel are its "
                         "arguments");
  mayBeDot = false;
  Value images = op->getOperand(0), other = op->getOperand(1);
  ExtentRef number = k.extentOf(images, 0), places = k.extentOf(images, 3);
  bool onePlace = places.in(k.buffers).is(1);
  if (isa<Conv2dWeightGradOp>(op)) {
    refs.m = k.extentOf(other, 1);
    refs.n = k.extentOf(images, 1);
    refs.k = onePlace ? number : places;
    auto matrix = [&](const Buffer &buffer) {
      Ix step = buffer.strides[onePlace ? 0 : 3];
      return Matrix{buffer.pointer, 0, buffer.strides[1], step,
                    buffer.strides[0]};
    };
    a = matrix(*w);
    b = matrix(*x);
    if (!onePlace && !number.in(k.buffers).is(1)) {
      refs.parts = number;
      part = refs.k.in(k.buffers);
      tiling.inParts = true;
    }
    space = {refs.m.in(k.buffers), refs.n.in(k.buffers), 1, 1};
    rowAxis = 0;
    columnAxis = 1;
  } else {
    bool transposed = isa<Conv2dInputGradOp>(op);
    unsigned row = transposed ? 1 : 0;
    ExtentRef filters = k.extentOf(other, row);
    Matrix ofFilters = {w->pointer, 0, w->strides[row], w->strides[1 - row]};
    refs.k = k.extentOf(other, 1 - row);
    if (onePlace) {
      refs.m = number;
      refs.n = filters;
      a = {x->pointer, 0, x->strides[0], x->strides[1]};
      b = ofFilters;
      rowAxis = 0;
      columnAxis = 1;
    } else {
      refs.batch = number;
      refs.m = filters;
      refs.n = places;
      a = ofFilters;
      b = {x->pointer, x->strides[0], x->strides[3], x->strides[1]};
      batchAxis = 0;
      rowAxis = 1;
      columnAxis = 3;
    }
    space = {number.in(k.buffers), filters.in(k.buffers), 1,
             places.in(k.buffers)};
  }
  levels = {0, 1, 2, 3};
  return success();
}

LogicalResult Gemm::bind() {
  Value y = op->getResult(0);
  element = cast<RankedTensorType>(y.getType()).getElementType();
  if (failed(isa<MatmulOp>(op) ? bindMatmul() : bindConvolution()))
    return failure();
  after.emplace(k, space, levels);
  after->declare(y);
  for (auto [n, result] : llvm::enumerate(k.results())) {
    if (failed(after->read(result)))
      return failure();
    after->write(k.resultBuffer(unsigned(n)));
  }
  extents = refs.in(e, ArrayRef<Buffer>(k.buffers));
  return success();
}

/// The result's stride along one of the axes of `space`.
Ix Gemm::strideAlong(int axis) {
  const Buffer &result = k.buffers[k.resultBuffer(0)];
  for (auto [n, level] : llvm::enumerate(levels))
    if (level == axis)
      return result.strides[n];
  return 0;
}

/// Whether the result, as it lies, has room for sums of whole register tiles.
bool Gemm::mayKeepSums() {
  const Buffer &result = k.buffers[k.resultBuffer(0)];
  bool wholeRows = extents.m.isKnown() && extents.m.known % tiling.mr == 0;
  bool anyColumns = k.options.vectorBits >= 512 ||
                    (extents.n.isKnown() && extents.n.known % tiling.nr() == 0);
  return k.results().size() == 1 && result.element == element && rowAxis >= 0 &&
         strideAlong(columnAxis).is(1) && wholeRows && anyColumns &&
         tiling.unrolledEnd;
}

void Gemm::chooseTiling() {
  bool masks = k.options.vectorBits >= 512;
  int64_t width = k.lanesOf(element);
  tiling.lanes = width;
  tiling.vectors = 2;
  tiling.mr = masks ? 8 : 6;
  Ix m = extents.m, n = extents.n;
  if (n.isKnown() && n.known <= width) {
    tiling.vectors = 1;
    tiling.lanes = std::min<int64_t>(
        width, llvm::PowerOf2Ceil(std::max<int64_t>(n.known, 1)));
    tiling.mr = masks ? 16 : 10;
  }
  // Three or five vectors side by side, where that leaves a tenth less of
  // columns that nobody wants.
  int64_t registers = masks ? 28 : 12;
  if (masks && n.isKnown() && n.known > width &&
      !(m.isKnown() && m.known <= registers / 2)) {
    auto covered = [&](int64_t vectors) {
      return int64_t(llvm::alignTo(n.known, vectors * width));
    };
    for (int64_t vectors : {3, 5})
      if (10 * covered(vectors) <= 9 * covered(tiling.vectors)) {
        tiling.vectors = vectors;
        tiling.mr = registers / vectors;
      }
  }
  if (m.isKnown()) {
    // Panels without a remainder, if some number of rows near that divides m:
    // two vectors of 14 rows leave registers for the operands.
    int64_t most =
        tiling.vectors == 1 || !masks ? tiling.mr : registers / tiling.vectors;
    if (m.known <= most) {
      tiling.mr = std::max<int64_t>(m.known, 1);
      // Few rows leave registers for more columns.
      while (tiling.vectors > 1 &&
             2 * tiling.vectors * tiling.mr <= registers &&
             tiling.vectors < 8 && n.isKnown() && n.known > tiling.nr())
        tiling.vectors *= 2;
    } else {
      for (int64_t mr = most; mr > most / 2; --mr)
        if (m.known % mr == 0) {
          tiling.mr = mr;
          break;
        }
    }
  }
  int64_t tile = 2048 / e.bytesOf(element);
  tiling.mTile = tile / (2 * tiling.mr) * (2 * tiling.mr);
  tiling.nTile =
      std::max<int64_t>(tile / (2 * tiling.nr()), 1) * 2 * tiling.nr();
  // An element that is used by one panel only is not worth a copy. Nor are rows
  // that lie along K, unless they all meet in the same lines of the caches.
  bool known = m.isKnown() && n.isKnown() && !tiling.inParts;
  auto meet = [&](Ix stride, int64_t count) {
    return !stride.isKnown() ||
           (stride.known * e.bytesOf(element) % 4096 == 0 && count > 64);
  };
  bool wholeRows = m.isKnown() && m.known % tiling.mr == 0;
  tiling.directA = known && (n.known <= tiling.nr() ||
                             (masks && wholeRows && a.depthStride.is(1) &&
                              !meet(a.rowStride, m.known)));
  tiling.directB = known && m.known <= tiling.mr && b.rowStride.is(1) &&
                   (masks || n.known % tiling.lanes == 0);
  tiling.unrolledEnd =
      tiling.mr * tiling.vectors * (1 + k.numPointwise()) <= kUnrolledEnd;
  tiling.sumsInResult = mayKeepSums();
}

//===----------------------------------------------------------------------===//
// Register tile
//===----------------------------------------------------------------------===//

Value Gemm::multiplyAdd(Value x, Value y, Value z) {
  ScalarExpr l(e, e.loc, x), r(e, e.loc, y), sum(e, e.loc, z);
  return l.isFloat() ? fma(l, r, sum) : sum + l * r;
}

/// The products of rows i.. and columns j.. of the tile over one block of K.
SmallVector<Value> Gemm::registerTile(Ix i, Ix j, Ix depth, Ix from) {
  int64_t mr = tiling.mr, vectors = tiling.vectors, lanes = tiling.lanes;
  Ix padded = tiling.pitch(e, depth);
  Value panelA, panelB;
  SmallVector<Value> rows;
  SmallVector<Lanes> columns;
  if (tiling.directA) {
    Value base = e.at(tileA.pointer, e.mul(from, a.depthStride), element);
    for (int64_t r = 0; r < mr; ++r) {
      Ix row = e.add(i, r);
      if (!extents.m.isKnown() || extents.m.known % mr)
        row = e.min(row, e.sub(mLength, 1));
      rows.push_back(e.at(base, e.mul(row, a.rowStride), element));
    }
  } else {
    panelA =
        e.at(packedA, e.mul(e.mul(e.div(i, mr), tiling.mrPadded()), padded),
             element);
  }
  if (tiling.directB) {
    panelB = e.at(tileB.pointer, e.add(e.mul(from, b.depthStride), j), element);
    bool whole = extents.n.isKnown() && extents.n.known % tiling.nr() == 0;
    for (int64_t v = 0; v < vectors; ++v)
      columns.push_back(
          {lanes,
           whole || lanes == 1
               ? Value()
               : e.maskBelow(e.sub(nLength, e.add(j, v * lanes)), lanes)});
  } else {
    panelB = e.at(packedB, e.mul(j, padded), element);
    columns.assign(vectors, Lanes{lanes, {}});
  }
  SmallVector<Value> zeros(mr * vectors, e.constant(element, 0, lanes));
  return e.loop(0, depth, 1, zeros, [&](Ix step, ValueRange sums) {
    SmallVector<Value> next, right;
    Ix stepB =
        tiling.directB ? e.mul(step, b.depthStride) : e.mul(step, tiling.nr());
    Value atB = e.at(panelB, stepB, element);
    for (int64_t v = 0; v < vectors; ++v)
      right.push_back(
          e.load(e.at(atB, v * lanes, element), 1, element, columns[v]));
    // The panels lie one behind the other: what is fetched at the end of one is
    // the start of the next.
    bool several = !extents.n.isKnown() || extents.n.known > tiling.nr();
    if (!tiling.directB && several)
      for (int64_t b = 0; b < tiling.nr() * e.bytesOf(element); b += 64)
        e.prefetch(e.atByte(e.at(atB, kAhead * tiling.nr(), element), b));
    Value atA;
    if (!tiling.directA)
      atA = e.at(panelA, e.mul(step, tiling.mrPadded()), element);
    for (int64_t r = 0; r < mr; ++r) {
      Value address = tiling.directA
                          ? e.at(rows[r], e.mul(step, a.depthStride), element)
                          : e.at(atA, r, element);
      Value left = e.load(address, 0, element, Lanes{lanes, {}});
      for (int64_t v = 0; v < vectors; ++v)
        next.push_back(multiplyAdd(left, right[v], sums[r * vectors + v]));
    }
    return next;
  });
}

/// Where the sums of a register tile's vector wait.
std::pair<Value, Lanes> Gemm::placeOf(Value sums, size_t vector, Ix columns) {
  int64_t lanes = tiling.lanes, n = int64_t(vector);
  Lanes covered = {lanes, {}};
  if (!tiling.sumsInResult)
    return {e.at(sums, n * lanes, element), covered};
  int64_t row = n / tiling.vectors, column = n % tiling.vectors * lanes;
  if (!columns.is(tiling.nr()))
    covered.mask = e.maskBelow(e.sub(columns, column), lanes);
  return {e.at(sums, e.add(e.mul(row, strideAlong(rowAxis)), column), element),
          covered};
}

/// A block's result behind those of the blocks before it.
SmallVector<Value> Gemm::withSums(Value sums, ValueRange registers, Ix from,
                                  Ix columns) {
  if (from.isKnown())
    return llvm::to_vector(registers);
  // -0 and the first block are that block, exactly.
  Value first = e.compare(arith::CmpIPredicate::eq, from, 0);
  Value none = Combiner{Combiner::sum, element}.identity(e, tiling.lanes);
  SmallVector<Value> values;
  for (auto [n, value] : llvm::enumerate(registers)) {
    auto [place, covered] = placeOf(sums, n, columns);
    Value before = e.load(place, 1, element, covered);
    before = e.make<arith::SelectOp>(first, none, before);
    values.push_back(ScalarExpr(e, e.loc, before) +
                     ScalarExpr(e, e.loc, value));
  }
  return values;
}

void Gemm::addSums(Value sums, ValueRange registers, Ix from, Ix columns) {
  for (auto [n, value] :
       llvm::enumerate(withSums(sums, registers, from, columns))) {
    auto [place, covered] = placeOf(sums, n, columns);
    e.store(value, place, covered);
  }
}

void Gemm::enterRow(Ix batch, Ix row) {
  SmallVector<Ix> indices(space.size(), 0);
  if (batchAxis >= 0)
    indices[size_t(batchAxis)] = batch;
  if (rowAxis >= 0)
    indices[size_t(rowAxis)] = row;
  after->enter(indices, columnAxis);
}

/// The epilogue of one register tile at rows m.. and columns n.. of the result.
void Gemm::finish(Value sums, Ix batch, Ix m, Ix n, Ix rows, Ix columns) {
  e.loop(0, rows, 1, [&](Ix r) {
    Value row = e.at(sums, e.mul(r, tiling.nr()), element);
    enterRow(batch, e.add(m, r));
    bool peel = k.options.vectorBits < 512;
    e.vectorLoop(0, columns, tiling.lanes, peel, [&](Ix c, Lanes covered) {
      after->point(e.add(n, c), covered);
      after->give(op->getResult(0), e.load(e.at(row, c, element), 1, element,
                                           Lanes{tiling.lanes, {}}));
      SmallVector<Value> stored;
      for (Value result : k.results())
        stored.push_back(after->get(result));
      for (auto [number, value] : llvm::enumerate(stored))
        after->put(unsigned(number), value);
    });
  });
}

/// The same for all rows of a tile, of values in registers.
void Gemm::finishRegisters(ValueRange values, Ix batch, Ix m, Ix n,
                           Ix columns) {
  int64_t vectors = tiling.vectors, lanes = tiling.lanes;
  SmallVector<Lanes> covered;
  for (int64_t v = 0; v < vectors; ++v)
    covered.push_back(
        {lanes, columns.is(tiling.nr())
                    ? Value()
                    : e.maskBelow(e.sub(columns, v * lanes), lanes)});
  for (int64_t r = 0; r < tiling.mr; ++r) {
    enterRow(batch, e.add(m, r));
    for (int64_t v = 0; v < vectors; ++v) {
      after->point(e.add(n, v * lanes), covered[size_t(v)]);
      after->give(op->getResult(0), values[size_t(r * vectors + v)]);
      SmallVector<Value> stored;
      for (Value result : k.results())
        stored.push_back(after->get(result));
      for (auto [number, value] : llvm::enumerate(stored))
        after->put(unsigned(number), value);
    }
  }
}

/// What follows a register tile's block of K: after the last one the epilogue,
/// of whole tiles from where they are.
void Gemm::endTile(Value sums, ValueRange registers, Ix from, Ix batch, Ix m,
                   Ix n, Ix rows, Ix columns) {
  bool masks = k.options.vectorBits >= 512;
  auto throughMemory = [&] {
    addSums(sums, registers, from, columns);
    finish(sums, batch, m, n, rows, columns);
  };
  auto last = [&] {
    if (!tiling.unrolledEnd || (!masks && !columns.is(tiling.nr())))
      return throughMemory();
    auto whole = [&] {
      finishRegisters(withSums(sums, registers, from, columns), batch, m, n,
                      columns);
    };
    if (rows.is(tiling.mr))
      return whole();
    e.when(e.compare(arith::CmpIPredicate::eq, rows, tiling.mr), whole,
           throughMemory);
  };
  if (from.isKnown()) // the only block
    return last();
  e.when(
      e.compare(arith::CmpIPredicate::sge, e.add(from, kGemmBlock), extents.k),
      last, [&] { addSums(sums, registers, from, columns); });
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Packs a block of K, or what of it lies in one part, as panels that are
/// `pitch` steps long.
void Gemm::packPart(const Matrix &matrix, Value target, Ix length, Ix total,
                    int64_t width, int64_t paddedWidth, Ix depth, Ix pitch) {
  bool masks = k.options.vectorBits >= 512;
  bool whole = total.isKnown() && total.known % width == 0;
  if (masks && matrix.rowStride.is(1)) {
    PanelRows rows;
    rows.source = matrix.pointer;
    rows.depthStride = matrix.depthStride;
    rows.element = element;
    rows.width = width;
    rows.paddedWidth = paddedWidth;
    rows.length = length;
    rows.whole = whole;
    rows.depth = depth;
    rows.pitch = e.mul(paddedWidth, pitch);
    rows.target = target;
    return emitPackRows(e, rows, k.lanesOf(element));
  }
  e.loop(0, length, width, [&](Ix row) {
    Panel panel;
    panel.source = e.at(matrix.pointer, e.mul(row, matrix.rowStride), element);
    panel.rowStride = matrix.rowStride;
    panel.depthStride = matrix.depthStride;
    panel.element = element;
    panel.width = width;
    panel.paddedWidth = paddedWidth;
    panel.valid = whole ? Ix(width) : e.min(width, e.sub(length, row));
    panel.depth = depth;
    panel.target = e.at(
        target, e.mul(e.mul(e.div(row, width), paddedWidth), pitch), element);
    emitPack(e, panel, k.lanesOf(element), masks);
  });
}

void Gemm::pack(const Matrix &matrix, Value target, Ix length, Ix total,
                int64_t width, int64_t paddedWidth, Ix from, Ix depth) {
  Ix pitch = tiling.pitch(e, depth);
  Matrix block = matrix;
  auto start = [&](Value base, Ix step) {
    block.pointer = e.at(base, e.mul(step, matrix.depthStride), element);
  };
  if (!tiling.inParts) {
    start(matrix.pointer, from);
    return packPart(block, target, length, total, width, paddedWidth, depth,
                    pitch);
  }
  Ix size = e.max(part, 1), to = e.add(from, depth);
  e.loop(e.div(from, size), e.div(e.add(to, e.sub(size, 1)), size), 1,
         [&](Ix number) {
           Ix begin = e.mul(number, size), first = e.max(begin, from);
           Ix last = e.min(e.add(begin, size), to);
           start(
               e.at(matrix.pointer, e.mul(number, matrix.partStride), element),
               e.sub(first, begin));
           Ix skipped = e.mul(e.sub(first, from), paddedWidth);
           packPart(block, e.at(target, skipped, element), length, total, width,
                    paddedWidth, e.sub(last, first), pitch);
         });
}

void Gemm::emitTile(Ix batch, Ix m0, Ix n0) {
  int64_t mr = tiling.mr, nr = tiling.nr();
  mLength = e.min(tiles.m, e.sub(extents.m, m0));
  nLength = e.min(tiles.n, e.sub(extents.n, n0));
  auto corner = [&](const Matrix &matrix, Ix row) {
    Matrix part = matrix;
    part.pointer = e.at(
        matrix.pointer,
        e.add(e.mul(batch, matrix.batchStride), e.mul(row, matrix.rowStride)),
        element);
    return part;
  };
  tileA = corner(a, m0);
  tileB = corner(b, n0);
  e.loop(0, e.max(extents.k, 1), kGemmBlock, [&](Ix from) {
    Ix depth = e.min(kGemmBlock, e.sub(extents.k, from));
    if (!tiling.directB)
      pack(tileB, packedB, nLength, extents.n, nr, nr, from, depth);
    if (!tiling.directA)
      pack(tileA, packedA, mLength, extents.m, mr, tiling.mrPadded(), from,
           depth);
    // The rows stay in the nearest cache while all columns pass by.
    Ix beside = e.ceilDiv(nLength, nr);
    e.loop(0, mLength, mr, [&](Ix i) {
      Ix rows = extents.m.isKnown() && extents.m.known % mr == 0
                    ? Ix(mr)
                    : e.min(mr, e.sub(mLength, i));
      e.loop(0, nLength, nr, [&](Ix j) {
        Ix columns = extents.n.isKnown() && extents.n.known % nr == 0
                         ? Ix(nr)
                         : e.min(nr, e.sub(nLength, j));
        SmallVector<Value> registers = registerTile(i, j, depth, from);
        Value sums;
        if (tiling.sumsInResult) {
          Ix offset = e.add(
              e.mul(batch, strideAlong(batchAxis)),
              e.add(e.mul(e.add(m0, i), strideAlong(rowAxis)), e.add(n0, j)));
          sums = e.at(k.buffers[k.resultBuffer(0)].pointer, offset, element);
        } else {
          Ix number = e.add(e.mul(e.div(i, mr), beside), e.div(j, nr));
          sums = e.at(sumsBase, e.mul(number, mr * nr), element);
        }
        endTile(sums, registers, from, batch, e.add(m0, i), e.add(n0, j), rows,
                columns);
      });
    });
  });
}

/// One row and one column: rounded products, summed as a reduction is.
void Gemm::emitDot(Ix batch) {
  Combiner sum{Combiner::sum, element};
  int64_t lanes = kReductionLanes;
  if (extents.k.isKnown())
    lanes = std::min<int64_t>(
        lanes, llvm::PowerOf2Ceil(std::max<int64_t>(extents.k.known, 1)));
  auto start = [&](const Matrix &matrix) {
    return e.at(matrix.pointer, e.mul(batch, matrix.batchStride), element);
  };
  Value left = start(a), right = start(b);
  Value none = sum.identity(e, lanes);
  auto block = [&](Ix from, Ix to) {
    return e.vectorLoop(
        from, to, lanes, k.peels(), {none},
        [&](Ix i, Lanes covered, ValueRange sums) {
          auto part = [&](Value base, const Matrix &matrix) {
            return ScalarExpr(
                e, e.loc,
                e.load(e.at(base, e.mul(i, matrix.depthStride), element),
                       matrix.depthStride, element, covered));
          };
          Value product = part(left, a) * part(right, b);
          if (covered.mask)
            product = e.make<arith::SelectOp>(covered.mask, product, none);
          return SmallVector<Value>{sum.combine(e, sums[0], product)};
        });
  };
  SmallVector<Value> total = e.loop(
      0, extents.k, kReductionBlock, {none}, [&](Ix from, ValueRange sums) {
        Ix to = e.min(e.add(from, kReductionBlock), extents.k);
        return SmallVector<Value>{sum.combine(e, sums[0], block(from, to)[0])};
      });
  Value result = sum.orEmpty(e, extents.k, sum.fold(e, total[0]));
  after->enter({batch, Ix(0), Ix(0)}, -1);
  after->point(0, Lanes());
  after->give(op->getResult(0), result);
  SmallVector<Value> stored;
  for (Value v : k.results())
    stored.push_back(after->get(v));
  for (auto [number, value] : llvm::enumerate(stored))
    after->put(unsigned(number), value);
}

void Gemm::emitUnits() {
  Ix m = extents.m, n = extents.n;
  auto dots = [&] {
    e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix batch) { emitDot(batch); });
  };
  auto tilesOf = [&] {
    tiles = tiling.tiles(e, extents);
    Value scratch = k.scratch();
    packedA = scratch;
    packedB = e.at(packedA, tiling.sizeA(e, tiles), element);
    sumsBase = e.at(packedB, tiling.sizeB(e, tiles), element);
    Ix perBatch = e.mul(tiles.mCount, tiles.nCount);
    e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
      Ix batch = e.div(unit, perBatch), rest = e.rem(unit, perBatch);
      emitTile(batch, e.mul(e.rem(rest, tiles.mCount), tiles.m),
               e.mul(e.div(rest, tiles.mCount), tiles.n));
    });
  };
  bool neverDot = !mayBeDot || (m.isKnown() && m.known != 1) ||
                  (n.isKnown() && n.known != 1);
  if (neverDot)
    return tilesOf();
  if (m.is(1) && n.is(1))
    return dots();
  Value one = e.make<arith::AndIOp>(e.compare(arith::CmpIPredicate::eq, m, 1),
                                    e.compare(arith::CmpIPredicate::eq, n, 1));
  e.when(one, dots, tilesOf);
}

LogicalResult Gemm::emit() {
  if (failed(bind()))
    return failure();
  chooseTiling();
  emitUnits();
  auto at = [refs = refs](Emit &e, ArrayRef<Extents> shapes) {
    return refs.in(e, shapes);
  };
  int64_t bytes = e.bytesOf(element);
  Tiling tiling = this->tiling;
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    Extent4 x = at(e, shapes);
    Tiling::Tiles t = tiling.tiles(e, x);
    Work work;
    work.count = e.mul(x.batch, e.mul(t.mCount, t.nCount));
    // A multiply-add on vectors: some sixteen to a simple operation.
    Ix cost = e.mul(e.mul(x.batch, x.m), e.mul(x.n, e.add(x.k, 4)));
    work.cost = e.div(cost, 4);
    Ix unit = e.max(e.div(e.mul(e.mul(t.m, t.n), x.k), 16), 1);
    work.grain = e.max(e.div(kGrainCost, unit), 1);
    return work;
  };
  k.scratchBytes = [=](Emit &e, ArrayRef<Extents> shapes) {
    Tiling::Tiles t = tiling.tiles(e, at(e, shapes));
    Ix elements = e.add(e.add(tiling.sizeA(e, t), tiling.sizeB(e, t)),
                        tiling.sizeC(e, t));
    return e.add(e.mul(elements, bytes), 64);
  };
  return success();
}

LogicalResult etch::cpu::emitMatmul(Kernel &k) {
  for (Operation &op : k.source.getBody().front())
    if (isa<MatmulOp>(op))
      return Gemm(k, &op).emit();
  return k.source.emitError("no matmul in this kernel");
}

bool etch::cpu::isProduct(Operation *op) {
  auto all = [&](StringRef name, int64_t n) {
    auto pair = op->getAttrOfType<DenseI64ArrayAttr>(name).asArrayRef();
    return llvm::all_of(pair, [&](int64_t i) { return i == n; });
  };
  Value filters =
      isa<Conv2dWeightGradOp>(op) ? op->getResult(0) : op->getOperand(1);
  auto extent = [](Value x, unsigned axis) {
    return cast<RankedTensorType>(x.getType()).getDimSize(axis);
  };
  return extent(filters, 2) == 1 && extent(filters, 3) == 1 &&
         extent(op->getOperand(0), 2) == 1 && all("stride", 1) &&
         all("pad", 0) &&
         op->getAttrOfType<IntegerAttr>("groups").getInt() == 1;
}

LogicalResult etch::cpu::emitProduct(Kernel &k, Operation *op) {
  return Gemm(k, op).emit();
}

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
#include "compiler/Target/CPU/GemmEmitter.h"

#include "dialects/Etch/Stages.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Operations of an epilogue that is written out for a whole register tile.
static constexpr int64_t kUnrolledEnd = 160;

/// Rows for which columns that lie along K are transposed in registers: they
/// and their sums fill these.
static constexpr int64_t kRowsAlong = 14;

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
  matrix.argument = int(arg.getArgNumber());
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
  if (failed(after->writeResults(y)))
    return failure();
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
/// Those of fewer rows wait in scratch memory.
bool Gemm::mayKeepSums() {
  const Buffer &result = k.buffers[k.resultBuffer(0)];
  bool anyColumns = k.options.vectorBits >= 512 ||
                    (extents.n.isKnown() && extents.n.known % tiling.nr() == 0);
  return k.results().size() == 1 && !op->hasAttr(kUpdatesAttr) &&
         result.element == element && rowAxis >= 0 &&
         strideAlong(columnAxis).is(1) && anyColumns && tiling.unrolledEnd;
}

/// Whether rows of x that lie along K are read where they are: not if those of
/// a register tile, `mr`, meet in the same lines of the caches.
bool Gemm::mayReadRows(int64_t mr) {
  if (k.options.vectorBits < 512 || tiling.inParts || !a.depthStride.is(1) ||
      !a.rowStride.isKnown())
    return false;
  if (extents.m.isKnown() && extents.m.known <= 64)
    return true;
  // Rows that may be fewer have an address each, which is a register.
  if (!tiling.wholeRows && mr > 8)
    return false;
  // Lines at multiples of `period` share a set of the nearest cache; a row's
  // block of K is `run` bytes long.
  constexpr int64_t period = 4096, most = 7;
  int64_t run = kGemmBlock * e.bytesOf(element);
  int64_t apart = a.rowStride.known * e.bytesOf(element) % period;
  int64_t span = run + std::min(apart, period - apart) * (mr - 1);
  return mr * run <= most * span;
}

/// Rows and vectors of a register tile: those that cover the result with the
/// least of columns that nobody wants. A larger tile reads less for each of its
/// sums. Two vectors want panels that stay in the nearest cache; three are
/// nearly as good for any, more for long ones only. The figures are measured.
void Gemm::chooseRegisters(int64_t registers) {
  constexpr int64_t kNearest = 44 << 10;
  Ix m = extents.m, n = extents.n;
  int64_t depth = kGemmBlock;
  if (extents.k.isKnown())
    depth = std::min(depth, extents.k.known);
  auto covered = [](Ix extent, int64_t step) {
    return double(extent.isKnown() ? llvm::alignTo(extent.known, step) : 1);
  };
  double least = 0;
  int64_t single = tiling.vectors == 1, rows = tiling.mr;
  bool readable = !m.isKnown() && mayReadRows(rows);
  for (int64_t vectors : {single ? 1 : 2, 3, 5}) {
    if (vectors > 2 && (single || !n.isKnown() || k.options.vectorBits < 512))
      break;
    int64_t most = single ? rows : registers / vectors;
    int64_t fixed = vectors == 2 && !m.isKnown() ? rows : most;
    for (int64_t mr = fixed; mr > (m.isKnown() ? most / 2 : fixed - 1); --mr) {
      int64_t nr = vectors * tiling.lanes;
      // Panels of these rows and of one less make up all.
      int64_t panels = m.isKnown() ? llvm::divideCeil(m.known, mr) : 1;
      bool uneven = m.isKnown() && m.known % mr != 0;
      if (uneven && panels * (mr - 1) > m.known)
        continue;
      double height = double(uneven ? m.known : panels * mr) / double(panels);
      int64_t bytes = (mr + nr) * depth * e.bytesOf(element);
      bool isLong = bytes > kNearest;
      double cost = 1 + 0.3 / (height * double(vectors)) + (uneven ? 0.02 : 0);
      if (vectors > 2)
        cost += isLong ? 0.015 : vectors > 3 ? 0.08 : 0.005;
      else if (isLong)
        cost += 0.055;
      // Packed from rows that lie side by side, whole lines are cheapest.
      if (a.rowStride.is(1))
        cost += 0.03 * (double(llvm::PowerOf2Ceil(mr)) / double(mr) - 1);
      // Packed for each tile of columns, where fewer were read as they lie.
      if (readable && !mayReadRows(mr))
        cost += 0.03;
      // A last panel of its own leaves less unused (narrowTail).
      double columns = covered(n, nr), vectorsOnly = covered(n, tiling.lanes);
      bool narrow = n.isKnown() && n.known > nr && vectors > 1 &&
                    k.options.vectorBits >= 512 &&
                    32 * (columns - vectorsOnly) >= double(n.known);
      cost *= narrow ? (vectorsOnly + columns) / 2 : columns;
      if (least && cost >= least)
        continue;
      least = cost;
      tiling.mr = mr;
      tiling.vectors = vectors;
      tiling.panels = uneven ? panels : 0;
      tiling.tall = m.known - panels * (mr - 1);
      tiling.paddedRows = llvm::PowerOf2Ceil(mr);
    }
  }
}

/// Columns of the last panel, if a register tile of its own is worth it for
/// them: it takes fewer vectors, and those are a good part of all.
int64_t Gemm::narrowTail() {
  if (!extents.n.isKnown() || tiling.alongB || extents.n.known < tiling.nr())
    return 0;
  int64_t tail = extents.n.known % tiling.nr();
  int64_t unused = tiling.vectors - llvm::divideCeil(tail, tiling.lanes);
  bool worth = 32 * unused * tiling.lanes >= extents.n.known;
  return k.options.vectorBits >= 512 && tail && unused && worth ? tail : 0;
}

/// Whether all tiles, and halves of them, begin with a whole panel of columns.
bool Gemm::startsWithPanel() {
  auto lastTile = [&](int64_t most) {
    int64_t n = extents.n.known, count = llvm::divideCeil(n, most);
    return (n - 1) %
               int64_t(llvm::alignTo(llvm::divideCeil(n, count), tiling.nr())) +
           1;
  };
  return !narrowTail() ||
         std::min({lastTile(tiling.nAlone), lastTile(tiling.nTile),
                   lastTile(tiling.nTile / 2)}) >= tiling.nr();
}

/// Whether a block of K of this matrix lies in one piece that the nearest cache
/// holds, beside another.
bool Gemm::isSmall(const Matrix &matrix, Ix rows) {
  constexpr int64_t kSmall = 16 << 10;
  return k.options.vectorBits >= 512 && !tiling.inParts && rows.isKnown() &&
         extents.k.isKnown() && matrix.rowStride.is(1) &&
         matrix.depthStride.is(rows.known) &&
         rows.known * std::min(extents.k.known, kGemmBlock) *
                 e.bytesOf(element) <=
             kSmall;
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
  int64_t registers = masks ? 28 : 12;
  int64_t most = tiling.vectors == 1 ? tiling.mr : registers / 2;
  if (m.isKnown() && m.known <= most) {
    tiling.mr = std::max<int64_t>(m.known, 1);
    // Few rows leave registers for more columns.
    while (tiling.vectors > 1 && 2 * tiling.vectors * tiling.mr <= registers &&
           tiling.vectors < 8 && n.isKnown() && n.known > tiling.nr())
      tiling.vectors *= 2;
  } else {
    chooseRegisters(registers);
  }
  tiling.wholeRows = tiling.panels || (m.isKnown() && m.known % tiling.mr == 0);
  tiling.mStep = tiling.mr;
  int64_t tile = 2048 / e.bytesOf(element);
  tiling.mTile = tile / (2 * tiling.mr) * (2 * tiling.mr);
  auto columns = [&](int64_t most) {
    return int64_t(llvm::divideCeil(most, 2 * tiling.nr()) * 2 * tiling.nr());
  };
  tiling.nTile = columns(tile);
  // Packed, they fill half of the second cache: the more there are, the less
  // often rows are packed, and read. Beside few rows it holds the next ones.
  tiling.nAlone = tiling.nTile;
  if (m.isKnown() && m.known > kFewRows)
    tiling.nAlone = columns(std::max(
        tile, k.options.cacheBytes / 2 / (kGemmBlock * e.bytesOf(element))));
  // An element that is used by one panel only is not worth a copy. Nor are rows
  // that lie along K, or what is small. What is rounded is copied.
  bool known = m.isKnown() && n.isKnown() && !tiling.inParts && !rounds;
  tiling.directA =
      !rounds && ((known && n.known <= tiling.nr()) || mayReadRows(tiling.mr) ||
                  (tiling.wholeRows && isSmall(a, m)));
  tiling.directB = (known && m.known <= tiling.mr && b.rowStride.is(1) &&
                    (masks || n.known % tiling.lanes == 0)) ||
                   (known && n.known % tiling.nr() == 0 && isSmall(b, n));
  // Rows are packed just before they are used, or while, in the nearest cache,
  // or not at all: many of them may use the same packed columns. Those of tails
  // that do not lie along K are packed all at once, in the second cache.
  tiling.panelA = !tiling.directA && !tiling.inParts && a.depthStride.is(1) &&
                  !a.rowStride.is(1);
  // The first register tiles have room to pack what they use.
  bool mayPass = known && masks && tiling.wholeRows;
  tiling.passingA = mayPass && !tiling.directA && !tiling.panelA &&
                    a.rowStride.is(1) && a.depthStride.isKnown() &&
                    tiling.mrPadded() <= tiling.lanes &&
                    n.known > tiling.nr() && startsWithPanel();
  // Panels whose rows share lines that come from afar are packed at once.
  if (tiling.passingA && m.known % width == 0 && extents.k.isKnown() &&
      tiling.mr == tiling.mrPadded() &&
      m.known * extents.k.known * e.bytesOf(element) > k.options.cacheBytes)
    tiling.together = width / tiling.mr;
  if (!tiling.inParts)
    tiling.mTile *= tiling.panelA || tiling.passingA || tiling.directA ? 4 : 2;
  // One tile has all rows then: its first panel uses all of its columns.
  tiling.passingB =
      mayPass && !tiling.directB && b.rowStride.is(1) &&
      b.depthStride.isKnown() && m.known > tiling.mr &&
      std::max(m.known, tiling.panels * tiling.mr) <= tiling.mTile / 2;
  // Few rows use each element of columns that lie along K.
  if (masks && known && extents.k.isKnown() && e.bytesOf(element) >= 4 &&
      m.known <= kRowsAlong && n.known > tiling.lanes && b.depthStride.is(1) &&
      b.rowStride.isKnown() && !b.rowStride.is(1)) {
    tiling.alongB = tiling.directA = tiling.directB = true;
    tiling.vectors = 1;
  }
  // Few rows come from the second cache however often. Where they are not
  // packed for each tile, smaller tiles cost nothing, and take less memory.
  if (tiling.directA && !tiling.directB && extents.batch.is(1) &&
      !(m.isKnown() && m.known > kFewRows))
    tiling.nFew = columns(tile / 2);
  tiling.unrolledEnd =
      tiling.mr * tiling.vectors * (1 + k.numPointwise()) <= kUnrolledEnd;
  tiling.sumsInResult = mayKeepSums();
  // Sums that wait in scratch memory have no more of it than need be.
  if (!tiling.sumsInResult)
    tiling.nAlone = tiling.nTile;
}

/// Rows and columns of tiles suit both tile registers and what takes their
/// place. Copies cost much beside them: tiles are not halved.
void Gemm::chooseAmxTiling() {
  offerAmxColumns();
  tiling.lanes = 16;
  tiling.vectors = 2;
  tiling.mr = 8;
  tiling.mTile = 2048; // rows are packed block by block, columns for all rows
  tiling.nTile = 512;
  // Nothing but rows to pack. Those of one block read each column once: more of
  // these make a tile.
  if (readyTiles && extents.m.isKnown() && extents.m.known <= 32)
    tiling.nTile = 2048;
  tiling.nAlone = tiling.nTile;
  tiling.mStep = 32;
  tiling.halves = false;
  tiling.wholeRows = extents.m.isKnown() && extents.m.known % tiling.mr == 0;
  tiling.unrolledEnd =
      tiling.mr * tiling.vectors * (1 + k.numPointwise()) <= kUnrolledEnd;
  tiling.sumsInResult = mayKeepSums();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void Gemm::enterTile(Ix batch, Ix &m0, Ix n0) {
  Value lastRows =
      e.compare(arith::CmpIPredicate::sge, e.add(m0, tiles.m),
                tiling.panels ? Ix(tiling.panels * tiling.mr) : extents.m);
  if (tiling.panels) {
    firstPanel = e.div(m0, tiling.mr);
    endPanel =
        e.min(e.add(firstPanel, e.div(tiles.m, tiling.mr)), Ix(tiling.panels));
    m0 = tiling.rowOf(e, firstPanel);
    mLength = e.sub(tiling.rowOf(e, endPanel), m0);
  } else {
    mLength = e.min(tiles.m, e.sub(extents.m, m0));
  }
  nLength = e.min(tiles.n, e.sub(extents.n, n0));
  firstRow = m0;
  firstColumn = n0;
  auto corner = [&](const Matrix &matrix, Ix batch, Ix row) {
    Matrix part = matrix;
    part.pointer = e.at(
        matrix.pointer,
        e.add(e.mul(batch, matrix.batchStride), e.mul(row, matrix.rowStride)),
        element);
    return part;
  };
  tileA = corner(a, batch, m0);
  tileB = corner(b, batch, n0);
  // The next unit has other rows, or, after the last of those, other columns,
  // or, after those, the next matrices.
  Ix column = e.select(lastRows, e.add(n0, tiles.n), n0);
  Value over = e.compare(arith::CmpIPredicate::sge, column, extents.n);
  nextB = corner(b, e.select(over, e.add(batch, 1), batch),
                 e.select(over, 0, column))
              .pointer;
}

/// All panels of rows of a tile.
void Gemm::forRows(function_ref<void(RowPanel)> body) {
  int64_t mr = tiling.mr;
  if (!tiling.panels)
    return e.loop(0, mLength, mr, [&](Ix i) { body({e.div(i, mr), i}); });
  Ix start = tiling.rowOf(e, firstPanel);
  auto panel = [&](Ix p) {
    body({e.sub(p, firstPanel), e.sub(tiling.rowOf(e, p), start)});
  };
  Ix tall = tiling.tall;
  e.loop(firstPanel, e.min(endPanel, tall), 1, panel);
  // Where a panel begins does not depend on which kind it is of.
  e.loop(e.max(firstPanel, tall), endPanel, 1, [&](Ix p) {
    Ix number = e.sub(p, firstPanel), row = e.sub(tiling.rowOf(e, p), start);
    --tiling.mr;
    body({number, row, /*mayBeFirst=*/tiling.tall == 0});
    ++tiling.mr;
  });
}

/// The products of a register tile. The tile's first panel of rows packs the
/// columns, each panel's first columns pack its rows, if that is how they are
/// packed: what follows is the same code for all.
SmallVector<Value> Gemm::packingTile(RowPanel i, Ix j, Ix depth, Ix from,
                                     Ix columns, bool mayPackRows) {
  using Tile = function_ref<SmallVector<Value>()>;
  auto either = [&](bool mayPack, Ix at, bool &packs, Tile tile) {
    if (!mayPack)
      return tile();
    Type sums = e.vectorOf(element, tiling.lanes);
    auto branch = e.make<scf::IfOp>(
        SmallVector<Type>(size_t(tiling.mr * used), sums),
        e.compare(arith::CmpIPredicate::eq, at, 0), /*withElse=*/true);
    OpBuilder::InsertionGuard guard(e);
    for (Block *block : {branch.thenBlock(), branch.elseBlock()}) {
      e.setInsertionPointToStart(block);
      packs = block == branch.thenBlock();
      e.make<scf::YieldOp>(tile());
    }
    return SmallVector<Value>(branch.getResults());
  };
  return either(tiling.passingB && i.mayBeFirst, i.number, packsColumns, [&] {
    Ix at = e.add(j, e.rem(i.number, tiling.together));
    return either(mayPackRows && tiling.passingA, at, packsRows,
                  [&] { return registerTile(i, j, depth, from, columns); });
  });
}

/// Rows of x for one block of K, all panels.
void Gemm::packRows(Ix from, Ix depth) {
  int64_t mr = tiling.mr, padded = tiling.mrPadded();
  if (!tiling.panels)
    return pack(tileA, packedA, mLength, extents.m, mr, padded, from, depth);
  Ix panels =
      e.sub(e.max(e.min(endPanel, Ix(tiling.tall)), firstPanel), firstPanel);
  Ix rows = e.mul(panels, mr);
  pack(tileA, packedA, rows, mr, mr, padded, from, depth);
  Matrix rest = tileA;
  rest.pointer = e.at(tileA.pointer, e.mul(rows, a.rowStride), element);
  Value target = e.at(
      packedA, e.mul(e.mul(panels, padded), tiling.pitch(e, depth)), element);
  pack(rest, target, e.sub(mLength, rows), mr - 1, mr - 1, padded, from, depth);
}

void Gemm::emitTile(Ix batch, Ix m0, Ix n0) {
  int64_t mr = tiling.mr, nr = tiling.nr();
  enterTile(batch, m0, n0);
  int64_t tail = narrowTail();
  auto columnsFrom = [&](Ix j) {
    bool whole = tail || (extents.n.isKnown() && extents.n.known % nr == 0);
    return whole ? Ix(nr) : e.min(nr, e.sub(nLength, j));
  };
  auto rowsFrom = [&](Ix i) {
    return tiling.wholeRows ? Ix(tiling.mr) : e.min(mr, e.sub(mLength, i));
  };
  used = tiling.vectors;
  auto block = [&](Ix from, Ix depth, RowPanel i, Ix j, Ix columns,
                   bool mayBeFirst = true) {
    Ix rows = rowsFrom(i.row);
    Value sums = placeTile(batch, m0, i, n0, j, rows, from);
    SmallVector<Value> registers =
        packingTile(i, j, depth, from, columns, mayBeFirst);
    endTile(sums, registers, from, batch, e.add(m0, i.row), e.add(n0, j), rows,
            columns);
  };
  Ix end = e.max(extents.k, 1);
  // Nothing to pack for all columns: each is read from its start to its end.
  if (tiling.alongB) {
    auto blocks = [&](Ix j, Ix columns) {
      e.loop(0, end, kGemmBlock, [&](Ix from) {
        block(from, e.min(kGemmBlock, e.sub(extents.k, from)), {0, 0}, j,
              columns);
      });
    };
    Ix whole = e.mul(e.div(nLength, nr), nr);
    e.loop(0, whole, nr, [&](Ix j) { blocks(j, nr); });
    if (extents.n.known % nr)
      e.loop(whole, nLength, nr, [&](Ix j) { blocks(j, e.sub(nLength, j)); });
    return;
  }
  e.loop(0, end, kGemmBlock, [&](Ix from) {
    Ix depth = e.min(kGemmBlock, e.sub(extents.k, from));
    if (readyB)
      packedB = readyColumns(batch, n0, from, depth);
    else if (!tiling.directB && !tiling.passingB)
      pack(tileB, packedB, nLength, extents.n, nr, nr, from, depth);
    if (!tiling.directA && !tiling.panelA && !tiling.passingA)
      packRows(from, depth);
    // The rows stay in the nearest cache while all columns pass by.
    forRows([&](RowPanel i) {
      if (tiling.panelA) {
        Matrix rows = tileA;
        rows.pointer = e.at(tileA.pointer, e.mul(i.row, a.rowStride), element);
        Ix total = tiling.panels ? Ix(tiling.mr) : extents.m;
        pack(rows, packedA, rowsFrom(i.row), total, tiling.mr,
             tiling.mrPadded(), from, depth);
      }
      Ix whole = tail ? e.mul(e.div(nLength, nr), nr) : nLength;
      e.loop(0, whole, nr,
             [&](Ix j) { block(from, depth, i, j, columnsFrom(j)); });
      if (!tail)
        return;
      used = llvm::divideCeil(tail, tiling.lanes);
      e.loop(whole, nLength, nr, [&](Ix j) {
        block(from, depth, i, j, tail, /*mayBeFirst=*/false);
      });
      used = tiling.vectors;
    });
  });
}

/// Of a launch. A multiply-add on vectors: some sixteen to a simple operation.
static Ix costOf(Emit &e, const Extent4 &x) {
  return e.div(e.mul(e.mul(x.batch, x.m), e.mul(x.n, e.add(x.k, 4))), 4);
}

void Gemm::emitUnits() {
  Ix m = extents.m, n = extents.n;
  auto dots = [&] {
    e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix batch) { emitDot(batch); });
  };
  Value several;
  if (tiling.halves) {
    k.asksWorkers = true;
    Value slot = e.loadRaw(e.getI64Type(),
                           e.atByte(k.closure, int64_t(8 * kSeveralSlot)), 8);
    several = e.compare(arith::CmpIPredicate::ne, Ix(slot), 0);
  }
  auto tilesOf = [&](bool amx) {
    tiles = tiling.tiles(e, extents, several);
    packedA = k.scratch();
    if (amx) {
      Ix depth = AmxCut::depth(e, extents.k);
      packedB = e.atByte(packedA, AmxCut::bytesA(e, depth));
      sumsBase = e.atByte(
          packedB, readyTiles ? Ix(0) : AmxCut::bytesB(e, depth, tiles.n));
    } else {
      packedB = e.at(packedA, tiling.sizeA(e, tiles), element);
      sumsBase = e.at(packedB, tiling.sizeB(e, tiles), element);
    }
    Ix perBatch = e.mul(tiles.mCount, tiles.nCount);
    e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
      Ix batch = e.div(unit, perBatch), rest = e.rem(unit, perBatch);
      Ix m0 = e.mul(e.rem(rest, tiles.mCount), tiles.m),
         n0 = e.mul(e.div(rest, tiles.mCount), tiles.n);
      amx ? emitAmxTile(batch, m0, n0) : emitTile(batch, m0, n0);
    });
  };
  auto vectors = [&] { tilesOf(false); };
  if (amx)
    return emitWithTiles([&] { tilesOf(true); }, vectors);
  bool neverDot = !mayBeDot || (m.isKnown() && m.known != 1) ||
                  (n.isKnown() && n.known != 1);
  if (neverDot)
    return vectors();
  if (m.is(1) && n.is(1))
    return dots();
  Value one = e.make<arith::AndIOp>(e.compare(arith::CmpIPredicate::eq, m, 1),
                                    e.compare(arith::CmpIPredicate::eq, n, 1));
  e.when(one, dots, vectors);
}

LogicalResult Gemm::emit() {
  if (failed(bind()))
    return failure();
  // What one row or column is multiplied with is used once: rounding it would
  // cost more than it saves.
  rounds = k.options.bf16 && isa<MatmulOp>(op) && element.isF32() &&
           !extents.m.is(1) && !extents.n.is(1);
  amx = rounds && k.options.amx && k.options.vectorBits >= 512 && rowAxis >= 0;
  maybeTurn();
  amx ? chooseAmxTiling() : chooseTiling();
  findReadyColumns();
  // What is never split, or into enough tiles anyway, has them whole.
  Ix cost = costOf(e, extents);
  Ix count = e.mul(extents.batch, e.mul(e.ceilDiv(extents.m, tiling.mTile),
                                        e.ceilDiv(extents.n, tiling.nAlone)));
  if ((cost.isKnown() && cost.known < kParallelCost) ||
      (count.isKnown() && count.known >= 4))
    tiling.halves = false;
  emitUnits();
  auto at = [refs = refs](Emit &e, ArrayRef<Extents> shapes) {
    return refs.in(e, shapes);
  };
  int64_t bytes = e.bytesOf(element);
  Tiling tiling = this->tiling;
  bool amx = this->amx, isReady = bool(readyTiles);
  Kernel *kernel = &k;
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    Extent4 x = at(e, shapes);
    Tiling::Tiles t = tiling.tiles(e, x, kernel->several);
    Work work;
    work.count = e.mul(x.batch, e.mul(t.mCount, t.nCount));
    work.cost = costOf(e, x);
    Ix unit = e.max(e.div(e.mul(e.mul(t.m, t.n), x.k), 16), 1);
    work.grain = e.max(e.div(kGrainCost, unit), 1);
    return work;
  };
  k.scratchBytes = [=](Emit &e, ArrayRef<Extents> shapes) {
    Extent4 x = at(e, shapes);
    Tiling::Tiles t = tiling.tiles(e, x, /*several=*/{});
    Ix elements = e.add(e.add(tiling.sizeA(e, t), tiling.sizeB(e, t)),
                        tiling.sizeC(e, t, x.k));
    Ix all = e.add(e.mul(elements, bytes), 64);
    if (!amx)
      return all;
    Ix depth = AmxCut::depth(e, x.k);
    Ix packed = AmxCut::bytesA(e, depth);
    if (!isReady)
      packed = e.add(packed, AmxCut::bytesB(e, depth, t.n));
    return e.max(all, e.add(packed, AmxCut::bytesC(e, x, t)));
  };
  return success();
}

/// Both ways, of which the number of rows chooses one at run time.
static LogicalResult emitOpenRows(Kernel &k, MatmulOp op, int64_t most) {
  ExtentRef rows = k.extentOf(op->getOperand(0), 0);
  auto isFew = [=](Emit &e, Ix m) {
    return e.compare(arith::CmpIPredicate::ult, e.sub(m, 1), most);
  };
  bool good = true;
  decltype(k.work) fewWork;
  decltype(k.scratchBytes) fewBytes;
  k.e.when(
      isFew(k.e, rows.in(ArrayRef<Buffer>(k.buffers))),
      [&] {
        good &= succeeded(emitStreamedProduct(k, op));
        fewWork = std::exchange(k.work, nullptr);
        fewBytes = std::exchange(k.scratchBytes, nullptr);
      },
      [&] { good &= succeeded(Gemm(k, op).emit()); });
  k.work = [few = fewWork, many = k.work, rows,
            isFew](Emit &e, ArrayRef<Extents> shapes) {
    Value streams = isFew(e, rows.in(shapes));
    Work a = few(e, shapes), b = many(e, shapes);
    b.count = e.select(streams, a.count, b.count);
    b.cost = e.select(streams, a.cost, b.cost);
    b.grain = e.select(streams, a.grain, b.grain);
    return b;
  };
  k.scratchBytes = [few = fewBytes,
                    many = k.scratchBytes](Emit &e, ArrayRef<Extents> shapes) {
    return e.max(few(e, shapes), many(e, shapes));
  };
  return success(good);
}

LogicalResult etch::cpu::emitMatmul(Kernel &k) {
  for (Operation &op : k.source.getBody().front())
    if (auto product = dyn_cast<MatmulOp>(op)) {
      if (product->hasAttr(kUpdatesAttr))
        return Gemm(k, product).emit();
      if (mayBeSmall(k, product))
        return emitMaybeSmall(k, product);
      int64_t most = k.options.bf16 ? 0 : streamedRows(k, product),
              m = cast<RankedTensorType>(product->getOperand(0).getType())
                      .getDimSize(0);
      if (most && ShapedType::isDynamic(m))
        return emitOpenRows(k, product, most);
      return m > 0 && m <= most ? emitStreamedProduct(k, product)
                                : Gemm(k, product).emit();
    }
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

//===- GemmAmx.cpp - Matrix products on tile registers --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands of f32 are rounded to bfloat16 while they are packed, as tiles of 16
// rows by 32 steps of K: on the left a row's steps lie side by side, on the
// right two steps of each of 16 columns do. Two tiles of rows by two of columns
// have their sums of f32 in four registers; the other four are for operands.
//
// Whoever runs the module need not let it use the registers (Linux wants to be
// asked), so kernels have code without them, too: rounded operands, multiplied
// as f32 are.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/GemmEmitter.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

namespace {
constexpr int64_t kTileRows = 16, kTileSteps = 32, kTileBytes = 1024;
/// Rows and columns of a block: two tiles.
constexpr int64_t kBlock = 2 * kTileRows;
/// Registers: sums 0-3, row by row; then two of rows, two of columns.
constexpr int64_t kLeft = 4, kRight = 6;
/// Bytes of packed columns that are in no near cache; how far ahead to fetch
/// those.
constexpr int64_t kFar = 4 << 20, kStepsAhead = 16;
} // namespace

/// Calls an intrinsic of tile registers. Their numbers are constants.
static void tileOp(Emit &e, StringRef name, ArrayRef<int64_t> registers,
                   ValueRange operands = {}) {
  SmallVector<Value> all;
  for (int64_t number : registers)
    all.push_back(e.constant(e.getI8IntegerAttr(int8_t(number))));
  llvm::append_range(all, operands);
  e.make<LLVM::CallIntrinsicOp>(e.getStringAttr(("llvm.x86." + name).str()),
                                all);
}

static void loadTile(Emit &e, int64_t number, Value at, Ix stride) {
  tileOp(e, "tileloadd64", {number}, {at, e.value(stride)});
}

/// All registers are whole tiles from here on.
static void enterTiles(Emit &e) {
  constexpr int64_t width = 0x0040004000400040, rows = 0x1010101010101010;
  constexpr int64_t words[] = {1, 0, width, width, 0, 0, rows, 0};
  Value config = e.stack(e.getI64Type(), std::size(words), 64);
  for (auto [i, word] : llvm::enumerate(words))
    e.storeRaw(e.value(word), e.atByte(config, 8 * int64_t(i)), 8);
  tileOp(e, "ldtilecfg", {}, {config});
}

Ix AmxCut::parts(Emit &e, Ix k) {
  constexpr int64_t most = 1024;
  return e.max(e.ceilDiv(k, most), 1);
}

Ix AmxCut::depth(Emit &e, Ix k) {
  Ix count = parts(e, k);
  Ix each = e.div(e.add(k, e.sub(count, 1)), count);
  return e.max(e.roundUp(each, kTileSteps), kTileSteps);
}

Ix AmxCut::bytesA(Emit &e, Ix depth) { return e.mul(depth, 2 * kBlock); }

Ix AmxCut::bytesB(Emit &e, Ix depth, Ix columns) {
  return e.mul(e.mul(e.roundUp(columns, kBlock), depth), 2);
}

Ix AmxCut::bytesC(Emit &e, const Extent4 &x, const Tiling::Tiles &t) {
  constexpr int64_t block = kBlock * kBlock * 4;
  if (parts(e, x.k).is(1))
    return block;
  return e.mul(e.mul(e.ceilDiv(t.m, kBlock), e.ceilDiv(t.n, kBlock)), block);
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// Of two vectors of 16 numbers, rounded: pairs, or one behind the other.
static Value join(Emit &e, Value low, Value high, bool pairs) {
  auto both = VectorType::get({2 * kTileRows}, e.getBF16Type());
  Value narrow =
      e.make<LLVM::CallIntrinsicOp>(
           both, e.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
           ValueRange{high, low})
          .getResult(0);
  narrow = e.make<LLVM::BitcastOp>(
      VectorType::get({2 * kTileRows}, e.getI16Type()), narrow);
  SmallVector<int32_t> lanes;
  for (int32_t i = 0; i < 2 * int32_t(kTileRows); ++i)
    lanes.push_back(i / 2 + i % 2 * int32_t(kTileRows));
  if (pairs)
    narrow = e.shuffle(narrow, narrow, lanes);
  return e.make<LLVM::BitcastOp>(VectorType::get({kTileRows}, e.getI32Type()),
                                 narrow);
}

/// Where a block of columns begins that were packed before, for the part of K
/// of `depth` steps from `step` on.
static Ix readyAt(Emit &e, int64_t n, Ix column, Ix step, Ix depth) {
  Ix before = e.mul(step, 2 * llvm::alignTo(n, kBlock));
  return e.add(before, AmxCut::bytesB(e, e.roundUp(depth, kTileSteps), column));
}

/// One tile from `row` and `step` on. Rows behind `valid` are any numbers:
/// nobody looks at their products. Steps behind `depth` are zeros.
void Gemm::packAmxTile(const Matrix &matrix, Ix row, Ix step, Ix valid,
                       Ix depth, bool left, Value target) {
  bool across = matrix.rowStride.is(1) && !matrix.depthStride.is(1);
  Ix rest = e.sub(depth, step);
  bool whole = rest.is(kTileSteps);
  auto at = [&](Ix r, Ix s) {
    return e.at(matrix.pointer,
                e.add(e.mul(r, matrix.rowStride), e.mul(s, matrix.depthStride)),
                element);
  };
  SmallVector<Value> tile;
  for (int64_t i = 0; i < kTileRows; ++i) {
    Value half[2];
    for (int64_t h = 0; h < 2; ++h) {
      Lanes lanes = {kTileRows, {}};
      if (across) {
        int64_t s = 2 * i + h;
        Ix bound = valid;
        if (!whole)
          bound = e.select(e.compare(arith::CmpIPredicate::slt, Ix(s), rest),
                           valid, 0);
        if (!bound.is(kTileRows))
          lanes.mask = e.maskBelow(bound, kTileRows);
        half[h] = e.load(at(row, e.add(step, s)), 1, element, lanes);
        continue;
      }
      Ix r = valid.is(kTileRows) ? Ix(i) : e.min(i, e.sub(valid, 1));
      if (!whole)
        lanes.mask =
            e.maskBelow(e.max(e.sub(rest, h * kTileRows), 0), kTileRows);
      half[h] = e.load(at(e.add(row, r), e.add(step, h * kTileRows)),
                       matrix.depthStride, element, lanes);
    }
    tile.push_back(join(e, half[0], half[1], across));
  }
  if (across == left)
    transposeVectors(e, tile, kTileRows);
  for (int64_t i = 0; i < kTileRows; ++i)
    e.store(tile[size_t(i)], e.atByte(target, i * 64), Lanes{kTileRows, {}});
}

/// `length` rows, `depth` steps: blocks of rows one behind the other, in them
/// the steps, in those two tiles.
void Gemm::packAmx(const Matrix &matrix, Value target, Ix length, Ix depth,
                   bool left) {
  Ix blockBytes = e.mul(e.ceilDiv(depth, kTileSteps), 2 * kTileBytes);
  auto pack = [&](Ix row, Ix step, Ix rest) {
    Ix offset = e.add(e.mul(e.div(row, kBlock), blockBytes),
                      e.mul(e.rem(e.div(row, kTileRows), 2), kTileBytes));
    offset = e.add(offset, e.mul(e.div(step, kTileSteps), 2 * kTileBytes));
    Ix valid = length.isKnown() && length.known % kTileRows == 0
                   ? Ix(kTileRows)
                   : e.min(kTileRows, e.sub(length, row));
    packAmxTile(matrix, row, step, valid, e.add(step, rest), left,
                e.atByte(target, offset));
  };
  Ix full = e.mul(e.div(depth, kTileSteps), kTileSteps);
  auto steps = [&](Emit::Body whole, Emit::Body last) {
    e.loop(0, full, kTileSteps, whole);
    e.loop(full, depth, kTileSteps, last);
  };
  // Memory is read in its order.
  if (matrix.rowStride.is(1) && !matrix.depthStride.is(1))
    return steps(
        [&](Ix step) {
          e.loop(0, length, kTileRows,
                 [&](Ix row) { pack(row, step, kTileSteps); });
        },
        [&](Ix step) {
          e.loop(0, length, kTileRows,
                 [&](Ix row) { pack(row, step, e.sub(depth, step)); });
        });
  e.loop(0, length, kTileRows, [&](Ix row) {
    steps([&](Ix step) { pack(row, step, kTileSteps); },
          [&](Ix step) { pack(row, step, e.sub(depth, step)); });
  });
}

/// All columns may be packed before: one part of K behind the other.
void Gemm::offerAmxColumns() {
  constexpr int64_t each = 512;
  if (b.argument < 0 || !b.batchStride.is(0) || !b.rowStride.isKnown() ||
      !b.depthStride.isKnown() || !extents.k.isKnown() ||
      !extents.n.isKnown() || extents.k.known == 0 || extents.n.known == 0)
    return;
  int64_t depth = extents.k.known, n = extents.n.known,
          groups = int64_t(llvm::divideCeil(n, each)),
          parts = AmxCut::parts(e, depth).known,
          most = AmxCut::depth(e, depth).known;
  Packing packing;
  packing.operand = unsigned(b.argument);
  packing.bytes = AmxCut::bytesB(e, parts * most, n).known;
  packing.units = parts * groups;
  packing.cost = n * depth / 4;
  packing.emit = [=, matrix = b](Kernel &k, Ix unit, const Buffer &from,
                                 Value to) {
    Gemm some(k, nullptr);
    Emit &e = k.e;
    some.element = from.element;
    Ix column = e.mul(e.rem(unit, groups), each),
       step = e.mul(e.div(unit, groups), most),
       count = e.min(most, e.sub(depth, step));
    Matrix columns = matrix;
    columns.pointer = e.at(
        from.pointer,
        e.add(e.mul(column, matrix.rowStride), e.mul(step, matrix.depthStride)),
        from.element);
    some.packAmx(columns, e.atByte(to, readyAt(e, n, column, step, count)),
                 e.min(each, e.sub(n, column)), count, /*left=*/false);
  };
  k.offer(std::move(packing));
  if (const Buffer *buffer = k.packed(unsigned(b.argument)))
    readyTiles = buffer->pointer;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Adds the products of a block of rows and one of columns to the sums.
void Gemm::multiplyAmx(Value left, Value right, Ix steps) {
  // Few rows use what comes from memory: it is fetched ahead.
  bool isFar = readyTiles && extents.m.isKnown() &&
               extents.m.known <= 2 * kBlock &&
               2 * extents.k.known * extents.n.known >= kFar;
  e.loop(0, steps, 1, [&](Ix step) {
    Ix offset = e.mul(step, 2 * kTileBytes);
    Value l = e.atByte(left, offset), r = e.atByte(right, offset);
    for (int64_t i = 0; isFar && i < 2 * kTileBytes; i += 64)
      e.prefetch(e.atByte(r, kStepsAhead * 2 * kTileBytes + i),
                 /*write=*/false, /*nearest=*/false);
    loadTile(e, kRight, r, 64);
    loadTile(e, kLeft, l, 64);
    loadTile(e, kRight + 1, e.atByte(r, kTileBytes), 64);
    tileOp(e, "tdpbf16ps", {0, kLeft, kRight});
    loadTile(e, kLeft + 1, e.atByte(l, kTileBytes), 64);
    tileOp(e, "tdpbf16ps", {1, kLeft, kRight + 1});
    tileOp(e, "tdpbf16ps", {2, kLeft + 1, kRight});
    tileOp(e, "tdpbf16ps", {3, kLeft + 1, kRight + 1});
  });
}

/// Sums wait, and end, in the result where that is all there is to it, those of
/// partial blocks in scratch memory.
void Gemm::emitAmxTile(Ix batch, Ix m0, Ix n0) {
  enterTile(batch, m0, n0);
  const Buffer &result = k.buffers[k.resultBuffer(0)];
  bool plain = k.results().size() == 1 && k.results()[0] == op->getResult(0) &&
               strideAlong(columnAxis).is(1);
  Ix resultRow = strideAlong(rowAxis),
     columnBlocks = e.ceilDiv(nLength, kBlock);
  Ix parts = AmxCut::parts(e, extents.k), most = AmxCut::depth(e, extents.k);
  bool once = parts.is(1);
  Value columnsAt = packedB;
  auto block = [&](Ix part, Ix depth, Ix i, Ix j) {
    auto span = [&](Ix extent, Ix length, Ix at) {
      bool whole = extent.isKnown() && extent.known % kBlock == 0;
      return whole ? Ix(kBlock) : e.min(kBlock, e.sub(length, at));
    };
    Ix rows = span(extents.m, mLength, i),
       columns = span(extents.n, nLength, j);
    Ix number = e.add(e.mul(e.div(i, kBlock), columnBlocks), e.div(j, kBlock));
    Value place = once
                      ? sumsBase
                      : e.at(sumsBase, e.mul(number, kBlock * kBlock), element);
    Ix pitch = kBlock;
    Value partial; // null: no block is
    if (plain) {
      Ix offset = e.add(e.mul(batch, strideAlong(batchAxis)),
                        e.add(e.mul(e.add(m0, i), resultRow), e.add(n0, j)));
      Value inResult = e.at(result.pointer, offset, element);
      if (!rows.is(kBlock) || !columns.is(kBlock))
        partial = e.compare(arith::CmpIPredicate::slt, e.add(rows, columns),
                            2 * kBlock);
      place = partial ? Value(e.make<arith::SelectOp>(partial, place, inResult))
                      : inResult;
      pitch = partial ? e.select(partial, kBlock, resultRow) : resultRow;
    }
    Ix rowBytes = e.mul(pitch, 4);
    auto each = [&](function_ref<void(int64_t, Value)> act) {
      for (int64_t n = 0; n < 4; ++n)
        act(n, e.at(e.at(place, e.mul(n / 2 * kTileRows, pitch), element),
                    n % 2 * kTileRows, element));
    };
    auto zero = [&] {
      each([&](int64_t n, Value) { tileOp(e, "tilezero", {n}); });
    };
    auto before = [&] {
      each([&](int64_t n, Value at) { loadTile(e, n, at, rowBytes); });
    };
    if (once)
      zero();
    else
      e.when(e.compare(arith::CmpIPredicate::eq, part, 0), zero, before);
    Ix steps = e.ceilDiv(depth, kTileSteps);
    multiplyAmx(packedA,
                e.atByte(columnsAt,
                         e.mul(e.mul(e.div(j, kBlock), steps), 2 * kTileBytes)),
                steps);
    each([&](int64_t n, Value at) {
      tileOp(e, "tilestored64", {n}, {at, e.value(rowBytes)});
    });
    // Whole blocks of plain products are where they belong.
    if (plain && !partial)
      return;
    Value ends =
        once ? Value()
             : e.compare(arith::CmpIPredicate::eq, e.add(part, 1), parts);
    Value condition = ends && plain
                          ? Value(e.make<arith::AndIOp>(ends, partial))
                      : plain ? partial
                              : ends;
    auto last = [&] {
      finish(place, kBlock, batch, e.add(m0, i), e.add(n0, j), rows, columns);
    };
    condition ? e.when(condition, last) : last();
  };
  auto from = [&](const Matrix &matrix, Ix row, Ix step) {
    Matrix part = matrix;
    part.pointer = e.at(
        matrix.pointer,
        e.add(e.mul(row, matrix.rowStride), e.mul(step, matrix.depthStride)),
        element);
    return part;
  };
  e.loop(0, parts, 1, [&](Ix part) {
    Ix step = e.mul(part, most);
    Ix depth = e.min(most, e.max(e.sub(extents.k, step), 0));
    if (readyTiles)
      columnsAt =
          e.atByte(readyTiles, readyAt(e, extents.n.known, n0, step, depth));
    else
      packAmx(from(tileB, 0, step), packedB, nLength, depth, false);
    e.loop(0, mLength, kBlock, [&](Ix i) {
      Ix rows = mLength.isKnown() && mLength.known % kBlock == 0
                    ? Ix(kBlock)
                    : e.min(kBlock, e.sub(mLength, i));
      packAmx(from(tileA, i, step), packedA, rows, depth, true);
      e.loop(0, nLength, kBlock, [&](Ix j) { block(part, depth, i, j); });
    });
  });
}

void Gemm::emitWithTiles(function_ref<void()> units,
                         function_ref<void()> otherwise) {
  k.usesTiles = true;
  Value granted = e.loadRaw(e.getI64Type(),
                            e.atByte(k.closure, int64_t(8 * kTilesSlot)), 8);
  auto tiles = [&] {
    enterTiles(e);
    units();
    tileOp(e, "tilerelease", {});
  };
  e.when(e.compare(arith::CmpIPredicate::ne, Ix(granted), 0), tiles, otherwise);
}

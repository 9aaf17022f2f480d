//===- GemmTile.cpp - One register tile of a matrix product ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inner loop along a block of K, where its results wait for the next block,
// and what follows the last one.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/GemmEmitter.h"

#include "dialects/Etch/ScalarExpr.h"
#include "dialects/Etch/Stages.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Steps of K that columns are fetched ahead of their use.
static constexpr int64_t kAhead = 16;
/// The same where they are not packed: these may meet in the nearest cache.
static constexpr int64_t kRowsAhead = 8, kLeftAhead = 16;
/// The same where they lie along K.
static constexpr int64_t kStepsAhead = 64;
/// Steps of K that the inner loop takes at a time, unless it packs.
static constexpr int64_t kStepsTogether = 2;
/// …and at least for a row of what is fetched for the end of a tile.
static constexpr int64_t kStepsOfRow = 4;
/// Fetching a line, of many, takes so long that a tile of fewer steps waits.
static constexpr int64_t kStepsOfLine = 160;
/// Bytes that stay near.
static constexpr int64_t kNear = 512 << 10;

Value Gemm::multiplyAdd(Value x, Value y, Value z) {
  ScalarExpr l(e, e.loc, x), r(e, e.loc, y), sum(e, e.loc, z);
  return l.isFloat() ? fma(l, r, sum) : sum + l * r;
}

/// Element of row r of the register tile at a step of its block of K, in all
/// lanes.
Gemm::Left Gemm::leftOf(RowPanel i, Ix depth, Ix from) {
  int64_t mr = tiling.mr;
  Lanes lanes = {tiling.lanes, {}};
  if (!tiling.directA) {
    Ix number = i.number;
    if (tiling.panelA || tiling.passingA)
      number = e.rem(number, tiling.together);
    Ix offset = e.mul(e.mul(number, tiling.mrPadded()), tiling.pitch(e, depth));
    Value panel = e.at(packedA, offset, element);
    if (packsRows) {
      Value source = e.at(tileA.pointer,
                          e.add(e.mul(from, a.depthStride), i.row), element);
      int64_t padded = tiling.mrPadded(), together = tiling.together;
      Lanes own = {together * padded, {}};
      if (mr < padded)
        own.mask = e.maskBelow(mr, padded);
      Ix size = e.mul(padded, tiling.pitch(e, depth));
      return [=, this](Ix step, int64_t r) {
        Value at = e.at(source, e.mul(step, a.depthStride), element);
        if (r == 0) {
          Value line = e.load(at, 1, element, own);
          for (int64_t n = 0; n < together; ++n) {
            auto lanes = llvm::to_vector(llvm::seq<int32_t>(
                int32_t(n * padded), int32_t((n + 1) * padded)));
            Ix place = e.add(e.mul(step, padded), e.mul(n, size));
            e.store(together > 1 ? e.shuffle(line, line, lanes) : line,
                    e.at(panel, place, element), Lanes{padded, {}});
          }
          e.prefetch(e.at(at, e.mul(kLeftAhead, a.depthStride), element));
          // What is packed next: no hardware guesses steps that far apart.
          if (together > 1)
            e.prefetch(e.at(at, own.count, element), /*write=*/false,
                       /*nearest=*/false);
        }
        return e.load(e.at(at, r, element), 0, element, lanes);
      };
    }
    return [=, this](Ix step, int64_t r) {
      Ix at = e.add(e.mul(step, tiling.mrPadded()), r);
      return e.load(e.at(panel, at, element), 0, element, lanes);
    };
  }
  SmallVector<Value> rows;
  Value base = e.at(tileA.pointer, e.mul(from, a.depthStride), element);
  for (int64_t r = 0; r < mr; ++r) {
    Ix row = e.add(i.row, r);
    if (!tiling.wholeRows)
      row = e.min(row, e.sub(mLength, 1));
    rows.push_back(e.at(base, e.mul(row, a.rowStride), element));
  }
  return [=, this](Ix step, int64_t r) {
    Value place = e.at(rows[size_t(r)], e.mul(step, a.depthStride), element);
    return e.load(place, 0, element, lanes);
  };
}

/// What fetches the columns' next block while the rows pass by, so that it
/// comes from afar meanwhile: of its lines each register tile has its share,
/// one every few steps, in the order in which they lie side by side. Null where
/// they are not packed, or near anyway.
Gemm::Fetch Gemm::fetchNext(RowPanel i, Ix j, Ix from) {
  Ix depth = extents.k, n = extents.n;
  int64_t bytes = e.bytesOf(element), line = 64 / bytes;
  bool across = b.rowStride.is(1);
  if (tiling.directB || tiling.readyB || tiling.inParts || k.options.quick ||
      !depth.isKnown() || !n.isKnown() || !mLength.isKnown() ||
      depth.known * n.known * bytes < kNear || tiling.lanes != line ||
      (!across && !b.depthStride.is(1)))
    return nullptr;
  if (extents.m.known > kFewRows)
    return nullptr;
  int64_t lines = used, rows = tiling.panels;
  if (!rows)
    rows = llvm::divideCeil(extents.m.known, tiling.mr);
  int64_t every = int64_t(llvm::bit_floor(uint64_t(rows / lines)));
  every = std::min(every, kGemmBlock);
  if (every < 2)
    return nullptr;
  Value last =
      e.compare(arith::CmpIPredicate::sge, e.add(from, kGemmBlock), depth);
  Value after = e.at(tileB.pointer,
                     e.mul(e.add(from, kGemmBlock), b.depthStride), element);
  Value base = e.make<arith::SelectOp>(last, nextB, after);
  // Runs of lines: of a step's columns, or of a column's steps.
  int64_t steps = std::min(depth.known, kGemmBlock);
  Ix run = across ? e.ceilDiv(tiles.n, line) : Ix(kGemmBlock / line);
  Ix all = e.mul(run, across ? Ix(steps) : tiles.n);
  Ix panels = e.ceilDiv(nLength, tiling.nr());
  Ix tile = e.add(e.mul(i.number, panels), e.div(j, tiling.nr()));
  Ix first = e.mul(tile, int64_t(llvm::divideCeil(steps, every)));
  // Lines and runs are few: a product takes the place of their quotient.
  constexpr int64_t one = int64_t(1) << 32;
  Ix inverse = e.add(e.div(one, run), 1);
  return [=, this](Ix step) {
    e.when(e.compare(arith::CmpIPredicate::eq, e.rem(step, every), 0), [&] {
      Ix at = e.add(first, e.div(step, every));
      e.when(e.compare(arith::CmpIPredicate::slt, at, all), [&] {
        Ix number = e.div(e.mul(at, inverse), one);
        Ix inRun = e.sub(at, e.mul(number, run));
        Ix offset = e.add(e.mul(number, across ? b.depthStride : b.rowStride),
                          e.mul(inRun, line));
        e.prefetch(e.at(base, offset, element), /*write=*/false,
                   /*nearest=*/false);
      });
    });
  };
}

/// What fetches the states that the register tile updates behind its last
/// block, a line of each at a step.
Gemm::Fetch Gemm::fetchUpdated(RowPanel i, Ix j, Ix from) {
  SmallVector<std::pair<Value, Ix>> states; // and from row to row
  int64_t bytes = used * tiling.lanes * e.bytesOf(element);
  int64_t lines = std::max<int64_t>(bytes / 64, 1);
  for (auto [n, result] : llvm::enumerate(k.results())) {
    const Buffer &buffer = k.buffers[k.resultBuffer(unsigned(n))];
    if (buffer.element != element)
      continue;
    Ix row = buffer.strides[0];
    Ix offset =
        e.add(e.mul(e.add(firstRow, i.row), row), e.add(firstColumn, j));
    states.push_back({e.at(buffer.pointer, offset, element), row});
  }
  Value last =
      e.compare(arith::CmpIPredicate::sge, e.add(from, kGemmBlock), extents.k);
  Ix count = e.select(last, tiling.mr * lines, 0);
  return [=, this](Ix step) {
    e.when(e.compare(arith::CmpIPredicate::slt, step, count), [&] {
      for (auto [start, row] : states) {
        Value inRow = e.at(start, e.mul(e.div(step, lines), row), element);
        e.prefetch(e.atByte(inRow, e.mul(e.rem(step, lines), 64)),
                   /*write=*/true);
      }
    });
  };
}

/// What fetches the next pair of matrices of a batch, which come from afar and
/// are multiplied too quickly to wait for them: each step has its share of
/// both. Null where a pair is no tile of its own.
Gemm::Fetch Gemm::fetchBatch(RowPanel i, Ix j) {
  constexpr int64_t most = 256 << 10;
  Ix m = extents.m, n = extents.n, depth = extents.k;
  if (extents.batch.is(1) || !m.isKnown() || !n.isKnown() || !depth.isKnown() ||
      k.options.quick || k.options.vectorBits < 512 || tiling.inParts ||
      depth.known > kGemmBlock || m.known > tiling.mTile ||
      n.known > tiling.nTile || m.is(0) || n.is(0) || depth.is(0))
    return nullptr;
  int64_t bytes = e.bytesOf(element),
          across = int64_t(llvm::divideCeil(n.known, tiling.nr())),
          panels = tiling.panels
                       ? tiling.panels
                       : int64_t(llvm::divideCeil(m.known, tiling.mr));
  SmallVector<std::pair<Value, int64_t>, 2> shares; // and bytes at a step
  auto add = [&](const Matrix &matrix, Value from, Ix rows) {
    int64_t all = rows.known * depth.known * bytes;
    if (!matrix.batchStride.is(rows.known * depth.known) || all > most)
      return;
    auto each = int64_t(llvm::divideCeil(all, across * panels * depth.known));
    Ix first = e.add(e.mul(i.number, across), e.div(j, tiling.nr()));
    Value next = e.at(from, matrix.batchStride, element);
    shares.push_back({e.atByte(next, e.mul(first, each * depth.known)), each});
  };
  add(a, tileA.pointer, m);
  add(b, tileB.pointer, n);
  if (shares.empty())
    return nullptr;
  return [=, this](Ix step) {
    for (auto [start, each] : shares)
      for (int64_t at = 0; at < each; at += 64)
        e.prefetch(e.atByte(start, e.add(e.mul(step, each), at)),
                   /*write=*/false, /*nearest=*/false);
  };
}

/// The products of rows i.. and columns j.. of the tile over one block of K.
SmallVector<Value> Gemm::registerTile(RowPanel i, Ix j, Ix depth, Ix from,
                                      Ix wanted) {
  int64_t mr = tiling.mr, vectors = used, lanes = tiling.lanes;
  Left left = leftOf(i, depth, from);
  if (tiling.alongB)
    return tileAlong(left, j, depth, from, wanted);
  Value panelB;
  SmallVector<Lanes> columns;
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
    panelB = e.at(packedB, e.mul(j, tiling.pitch(e, depth)), element);
    columns.assign(vectors, Lanes{lanes, {}});
  }
  Value source; // of columns that are packed now
  if (packsColumns) {
    source = e.at(tileB.pointer, e.add(e.mul(from, b.depthStride), j), element);
    if (extents.n.known % tiling.nr())
      for (int64_t v = 0; v < vectors; ++v)
        columns[size_t(v)].mask =
            e.maskBelow(e.sub(nLength, e.add(j, v * lanes)), lanes);
  }
  SmallVector<Value> zeros(mr * vectors, e.constant(element, 0, lanes));
  Fetch fetch = op->hasAttr(kUpdatesAttr) ? fetchUpdated(i, j, from)
                                          : fetchNext(i, j, from);
  if (!fetch)
    fetch = fetchBatch(i, j);
  auto add = [&](Ix step, ValueRange sums) {
    SmallVector<Value> next, right;
    Ix stepB =
        tiling.directB ? e.mul(step, b.depthStride) : e.mul(step, tiling.nr());
    Value atB = e.at(panelB, stepB, element);
    Value place =
        packsColumns ? e.at(source, e.mul(step, b.depthStride), element) : atB;
    for (int64_t v = 0; v < vectors; ++v)
      right.push_back(
          e.load(e.at(place, v * lanes, element), 1, element, columns[v]));
    if (packsColumns) {
      Value ahead = e.at(place, e.mul(kRowsAhead, b.depthStride), element);
      for (int64_t v = 0; v < vectors; ++v)
        e.store(right[size_t(v)], e.at(atB, v * lanes, element),
                Lanes{lanes, {}});
      for (int64_t v = 0; v < vectors + (b.depthStride.known % lanes != 0); ++v)
        e.prefetch(e.at(ahead, v * lanes, element));
    }
    // The panels lie one behind the other: what is fetched at the end of one is
    // the start of the next.
    bool several = !extents.n.isKnown() || extents.n.known > tiling.nr();
    if (!tiling.directB && !packsColumns && several)
      for (int64_t b = 0; b < tiling.nr() * e.bytesOf(element); b += 64)
        e.prefetch(e.atByte(e.at(atB, kAhead * tiling.nr(), element), b));
    if (fetch)
      fetch(step);
    for (int64_t r = 0; r < mr; ++r) {
      Value x = left(step, r);
      for (int64_t v = 0; v < vectors; ++v)
        next.push_back(multiplyAdd(x, right[v], sums[r * vectors + v]));
    }
    return next;
  };
  // Steps that fetch what is updated have branches of their own.
  bool alone = packsColumns || packsRows || op->hasAttr(kUpdatesAttr);
  int64_t together = k.options.quick || alone ? 1 : kStepsTogether;
  Ix whole = together == 1 ? depth : e.mul(e.div(depth, together), together);
  auto addSteps = [&](Ix lower, Ix upper, ValueRange initial) {
    return e.loop(lower, upper, together, initial,
                  [&](Ix step, ValueRange before) {
                    SmallVector<Value> sums = llvm::to_vector(before);
                    for (int64_t s = 0; s < together; ++s)
                      sums = add(e.add(step, s), sums);
                    return sums;
                  });
  };
  SmallVector<Value> sums;
  if (fetchesRowByRow()) {
    Ix steps = e.mul(e.div(whole, mr * together), together);
    sums = e.loop(0, mr, 1, zeros, [&](Ix row, ValueRange before) {
      fetchMet(row);
      Ix lower = e.mul(row, steps);
      Value last = e.compare(arith::CmpIPredicate::eq, row, mr - 1);
      return addSteps(lower, e.select(last, whole, e.add(lower, steps)),
                      before);
    });
  } else {
    sums = addSteps(0, whole, zeros);
  }
  if (together == 1 || (extents.k.isKnown() && extents.k.known % together == 0))
    return sums;
  return e.loop(whole, depth, 1, sums, add);
}

/// The same of columns that lie along K: blocks of as many steps are transposed
/// in registers.
SmallVector<Value> Gemm::tileAlong(const Left &left, Ix j, Ix depth, Ix from,
                                   Ix columns) {
  int64_t lanes = tiling.lanes;
  Value base = e.at(tileB.pointer, from, element);
  SmallVector<Value> places;
  for (int64_t n = 0; n < lanes; ++n) {
    // Behind the last column: that one again. Nobody looks at it.
    Ix column = e.min(e.add(j, n), e.sub(nLength, 1));
    if (columns.is(lanes))
      column = e.add(j, n);
    places.push_back(e.at(base, e.mul(column, b.rowStride), element));
  }
  auto multiply = [&](Ix step, ArrayRef<Value> v, ValueRange carried) {
    SmallVector<Value> next = llvm::to_vector(carried);
    for (auto [s, column] : llvm::enumerate(v))
      for (int64_t r = 0; r < tiling.mr; ++r)
        next[r] =
            multiplyAdd(left(e.add(step, int64_t(s)), r), column, next[r]);
    return next;
  };
  SmallVector<Value> sums(tiling.mr, e.constant(element, 0, lanes));
  int64_t rest = extents.k.known % lanes;
  Ix full = rest ? e.mul(e.div(depth, lanes), lanes) : depth;
  sums = e.loop(0, full, lanes, sums, [&](Ix step, ValueRange carried) {
    // As far ahead, behind the end of these columns in the next ones.
    Ix ahead = e.add(step, kStepsAhead);
    Value behind =
        e.compare(arith::CmpIPredicate::sge, e.add(from, ahead), extents.k);
    Ix skip = e.sub(e.mul(lanes, b.rowStride), extents.k);
    ahead = e.add(ahead, e.select(behind, skip, 0));
    for (Value place : places)
      e.prefetch(e.at(place, ahead, element));
    return multiply(step, loadTransposed(e, places, step, element, lanes),
                    carried);
  });
  if (!rest)
    return sums;
  // The last steps, in the last block.
  Lanes inside = {lanes, e.maskBelow(rest, lanes)};
  return e.loop(full, depth, lanes, sums, [&](Ix step, ValueRange carried) {
    SmallVector<Value> v;
    for (Value place : places)
      v.push_back(e.load(e.at(place, step, element), 1, element, inside));
    transposeVectors(e, v, lanes);
    return multiply(step, ArrayRef<Value>(v).take_front(rest), carried);
  });
}

/// Where the sums of a register tile's vector wait.
std::pair<Value, Lanes> Gemm::placeOf(Value sums, size_t vector, Ix columns) {
  int64_t lanes = tiling.lanes, n = int64_t(vector);
  Lanes covered = {lanes, {}};
  int64_t row = n / used, column = n % used * lanes;
  if (tiling.sumsInResult && !columns.is(tiling.nr()))
    covered.mask = e.maskBelow(e.sub(columns, column), lanes);
  return {e.at(sums, e.add(e.mul(row, sumsRow), column), element), covered};
}

/// What a tile's sums will meet in arrays like the result: rows too short for
/// hardware to guess them.
void Gemm::meetRows(Ix offset, Ix resultRow, Ix from) {
  Value result = op->getResult(0), last;
  if (!from.isKnown())
    last = e.compare(arith::CmpIPredicate::sge, e.add(from, kGemmBlock),
                     extents.k);
  // The product itself reads operands as they lie, or turned.
  auto isMet = [&](Value v) {
    return llvm::any_of(v.getUsers(), [&](Operation *user) {
      return user != op && !isa<TransposeOp>(user);
    });
  };
  for (BlockArgument argument : k.source.getBody().getArguments()) {
    if (argument.getType() != result.getType() || !isMet(argument))
      continue;
    const Buffer *buffer = k.argumentBuffer(argument);
    if (!buffer || !buffer->dense)
      continue;
    MetRows rows = {e.at(buffer->pointer, offset, buffer->element), resultRow};
    if (last) { // before it the sums' rows again
      rows.start = e.make<arith::SelectOp>(last, rows.start, met[0].start);
      rows.pitch = e.select(last, resultRow, met[0].pitch);
    }
    met.push_back(rows);
  }
}

/// Fetches a row of what a register tile meets.
void Gemm::fetchMet(Ix row) {
  int64_t bytes = used * tiling.lanes * e.bytesOf(element);
  for (const MetRows &m : met)
    for (int64_t b = 0; b < bytes; b += 64)
      e.prefetch(e.atByte(e.at(m.start, e.mul(row, m.pitch), element), b),
                 m.write);
}

/// Whether a tile fetches what it meets a row at a time rather than all before
/// it begins: where that takes long beside the multiply-adds, and comes from
/// afar.
bool Gemm::fetchesRowByRow() {
  Ix m = extents.m, n = extents.n, depth = extents.k;
  int64_t bytes = e.bytesOf(element);
  if (met.empty() || k.options.quick || tiling.alongB || !depth.isKnown() ||
      depth.is(0) ||
      (m.isKnown() && n.isKnown() && m.known * n.known * bytes < kNear))
    return false;
  int64_t steps = std::min(depth.known, kGemmBlock),
          last = (depth.known - 1) % kGemmBlock + 1;
  return last >= kStepsOfRow * tiling.mr &&
         steps <= kStepsOfLine * int64_t(met.size());
}

/// Where the sums of a register tile wait, in rows that lie `sumsRow` apart;
/// where that is the result, its lines and those that meet them are fetched.
Value Gemm::placeTile(Ix batch, Ix m0, RowPanel i, Ix n0, Ix j, Ix rows,
                      Ix from) {
  int64_t mr = tiling.mr, nr = tiling.nr();
  sumsRow = nr;
  met.clear();
  if (!tiling.sumsInResult) {
    Ix number = tiling.inOneBlock(
        e, extents.k, 0,
        e.add(e.mul(i.number, e.ceilDiv(nLength, nr)), e.div(j, nr)));
    // Panels of one row less have room for that row.
    int64_t height = tiling.panels ? tiling.mStep : mr;
    return e.at(sumsBase, e.mul(number, height * nr), element);
  }
  Ix resultRow = strideAlong(rowAxis);
  Ix offset = e.add(e.mul(batch, strideAlong(batchAxis)),
                    e.add(e.mul(e.add(m0, i.row), resultRow), e.add(n0, j)));
  Value place = e.at(k.buffers[k.resultBuffer(0)].pointer, offset, element);
  if (rows.is(mr)) {
    sumsRow = resultRow;
  } else {
    Value whole = e.compare(arith::CmpIPredicate::eq, rows, mr);
    sumsRow = e.select(whole, resultRow, nr);
    place = e.make<arith::SelectOp>(whole, place,
                                    e.at(sumsBase, e.mul(j, mr), element));
  }
  met.push_back({place, sumsRow, /*write=*/true});
  meetRows(offset, resultRow, from);
  for (int64_t r = 0; !fetchesRowByRow() && r < mr; ++r)
    fetchMet(r);
  return place;
}

/// A block's result behind those of the blocks before it.
SmallVector<Value> Gemm::withSums(Value sums, ValueRange registers, Ix from,
                                  Ix columns) {
  return behindBlocks(e, element, from, registers,
                      [&](size_t n) { return placeOf(sums, n, columns); });
}

void Gemm::storeSums(Value sums, ValueRange values, Ix columns) {
  for (auto [n, value] : llvm::enumerate(values)) {
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
void Gemm::finish(Value sums, Ix pitch, Ix batch, Ix m, Ix n, Ix rows,
                  Ix columns) {
  bool peel = k.options.vectorBits < 512;
  // Written as the result lies, that is along the tile's columns.
  if (turned)
    return e.loop(0, columns, 1, [&](Ix c) {
      SmallVector<Ix> indices = {batch, 0, 0};
      indices[size_t(columnAxis)] = e.add(n, c);
      after->enter(indices, rowAxis);
      Value column = e.at(sums, c, element);
      e.vectorLoop(0, rows, tiling.lanes, peel, [&](Ix r, Lanes covered) {
        after->point(e.add(m, r), covered);
        after->give(op->getResult(0),
                    e.load(e.at(column, e.mul(r, pitch), element), pitch,
                           element, covered));
        after->store();
      });
    });
  e.loop(0, rows, 1, [&](Ix r) {
    Value row = e.at(sums, e.mul(r, pitch), element);
    enterRow(batch, e.add(m, r));
    e.vectorLoop(0, columns, tiling.lanes, peel, [&](Ix c, Lanes covered) {
      after->point(e.add(n, c), covered);
      after->give(op->getResult(0), e.load(e.at(row, c, element), 1, element,
                                           Lanes{tiling.lanes, {}}));
      after->store();
    });
  });
}

/// The same for all rows of a tile, of values in registers.
void Gemm::finishRegisters(ValueRange values, Ix batch, Ix m, Ix n,
                           Ix columns) {
  int64_t vectors = used, lanes = tiling.lanes;
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
      after->store();
    }
  }
}

/// What follows a register tile's block of K: after the last one the epilogue,
/// of whole tiles from where they are.
void Gemm::endTile(Value sums, ValueRange registers, Ix from, Ix batch, Ix m,
                   Ix n, Ix rows, Ix columns) {
  bool masks = k.options.vectorBits >= 512;
  bool inRegisters =
      !turned && tiling.unrolledEnd && (masks || columns.is(tiling.nr()));
  // What is known to hold needs no question: null.
  auto asked = [&](bool known, arith::CmpIPredicate is, Ix x, Ix y) {
    return known ? Value() : e.compare(is, x, y);
  };
  auto when = [&](Value condition, function_ref<void()> then) {
    condition ? e.when(condition, then) : then();
  };
  Value last = asked(from.isKnown(), arith::CmpIPredicate::sge,
                     e.add(from, kGemmBlock), extents.k);
  SmallVector<Value> values = withSums(sums, registers, from, columns);
  auto throughMemory = [&] {
    storeSums(sums, values, columns);
    if (!inRegisters || !rows.is(tiling.mr))
      when(last,
           [&] { finish(sums, tiling.nr(), batch, m, n, rows, columns); });
  };
  if (!inRegisters)
    return throughMemory();
  auto whole = [&] { finishRegisters(values, batch, m, n, columns); };
  Value now =
      asked(rows.is(tiling.mr), arith::CmpIPredicate::eq, rows, tiling.mr);
  if (now && last)
    now = e.make<arith::AndIOp>(now, last);
  else if (last)
    now = last;
  now ? e.when(now, whole, throughMemory) : whole();
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
  after->storeAt({batch, Ix(0), Ix(0)}, op->getResult(0), result);
}

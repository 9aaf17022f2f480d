//===- ConvolutionTile.cpp - What kernels of windows share ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Convolution.h"

#include "dialects/Etch/ScalarExpr.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

//===----------------------------------------------------------------------===//
// Staging
//===----------------------------------------------------------------------===//

/// Rows of known extents, all of which are shown: vectors from the source's
/// first place on need no masks, nor do zeros that are written over.
static bool emitWholeRow(Emit &e, const StagedRow &row, int64_t lanes) {
  if (row.step != 1 || !row.sourceStride.is(1) || lanes < 2 ||
      !row.origin.isKnown() || !row.extent.isKnown() || !row.count.isKnown())
    return false;
  int64_t before = -row.origin.known, extent = row.extent.known,
          after = row.count.known - before - extent;
  int64_t tail = extent % lanes, whole = extent - tail;
  if (before < 0 || before > lanes || after < 0 || after > lanes ||
      row.count.known < lanes)
    return false;
  Value zeros = e.constant(row.element, 0, lanes);
  auto some = [&](int64_t count) {
    return Lanes{lanes, count < lanes ? e.maskBelow(count, lanes) : Value()};
  };
  auto put = [&](Value v, Ix place, Lanes covered) {
    e.store(v, e.at(row.target, place, row.element), covered);
  };
  auto show = [&] {
    if (before)
      put(zeros, 0, some(lanes));
    auto copy = [&](Ix j, int64_t count, int64_t stored) {
      put(e.load(e.at(row.source, j, row.element), 1, row.element, some(count)),
          e.add(j, before), some(stored));
    };
    e.loop(0, whole, lanes, [&](Ix j) { copy(j, lanes, lanes); });
    if (tail)
      copy(whole, tail, tail + after);
    if (int64_t zero = after - (tail ? lanes - tail : 0); zero > 0)
      put(zeros, row.count.known - zero, some(zero));
  };
  if (!row.isInside) {
    show();
    return true;
  }
  e.when(row.isInside, show, [&] {
    e.vectorLoop(0, row.count, lanes, /*peel=*/false,
                 [&](Ix j, Lanes covered) { put(zeros, j, covered); });
  });
  return true;
}

void etch::cpu::emitStagedRow(Emit &e, const StagedRow &row, int64_t lanes) {
  if (emitWholeRow(e, row, lanes))
    return;
  // Places [low, high) show the source.
  Ix low = e.div(e.max(e.sub(row.step - 1, row.origin), 0), row.step);
  Ix high = e.div(e.max(e.add(e.sub(row.extent, row.origin), row.step - 1), 0),
                  row.step);
  high = e.max(high, low);
  if (row.isInside)
    high = e.select(row.isInside, high, low);
  Ix stride = e.mul(row.sourceStride, row.step);
  Value start =
      e.at(row.source, e.mul(row.origin, row.sourceStride), row.element);
  // Every other place: those of two vectors, which is faster than to gather.
  bool halves = row.step == 2 && row.sourceStride.is(1) && lanes > 1;
  SmallVector<int32_t> even;
  for (int32_t i = 0; i < lanes; ++i)
    even.push_back(2 * i);
  Ix extent = row.isInside ? e.select(row.isInside, row.extent, 0) : row.extent;
  auto half = [&](Ix place) {
    Ix from = e.add(row.origin, place);
    Value inside = e.maskBelow(e.sub(extent, from), lanes);
    if (!low.is(0))
      inside =
          e.make<arith::XOrIOp>(inside, e.maskBelow(e.sub(0, from), lanes));
    return e.load(e.at(start, place, row.element), 1, row.element,
                  Lanes{lanes, inside});
  };
  auto piece = [&](Ix j, Value stored) {
    if (halves) {
      Value v =
          e.shuffle(half(e.mul(j, 2)), half(e.add(e.mul(j, 2), lanes)), even);
      return e.store(v, e.at(row.target, j, row.element), Lanes{lanes, stored});
    }
    Value inside = e.maskBelow(e.sub(high, j), lanes);
    if (!low.is(0))
      inside = e.make<arith::XOrIOp>(inside, e.maskBelow(e.sub(low, j), lanes));
    Value v = e.load(e.at(start, e.mul(j, stride), row.element), stride,
                     row.element, Lanes{lanes, inside});
    e.store(v, e.at(row.target, j, row.element), Lanes{lanes, stored});
  };
  if (!row.exact)
    return e.loop(0, row.count, lanes, [&](Ix j) { piece(j, {}); });
  e.vectorLoop(0, row.count, lanes, /*peel=*/false,
               [&](Ix j, Lanes covered) { piece(j, covered.mask); });
}

//===----------------------------------------------------------------------===//
// Register tile
//===----------------------------------------------------------------------===//

/// The same values, computed before what follows loads anything. LLVM would
/// load the numbers of several rows and steps first, for which registers are
/// lacking: what it keeps on the stack instead costs up to three times as much.
static SmallVector<Value> settled(Emit &e, ValueRange values) {
  auto vector = dyn_cast<VectorType>(values[0].getType());
  if (!vector ||
      !llvm::is_contained({16, 32, 64}, vector.getNumElements() *
                                            e.bytesOf(vector.getElementType())))
    return values; // not a register's
  SmallVector<std::string> constraints(values.size(), "=v");
  for (size_t n = 0; n < values.size(); ++n)
    constraints.push_back(std::to_string(n));
  bool isOne = values.size() == 1;
  Type type = isOne ? values[0].getType()
                    : LLVM::LLVMStructType::getLiteral(
                          e.getContext(), llvm::to_vector(values.getTypes()));
  auto all = e.make<LLVM::InlineAsmOp>(
      TypeRange(type), values, /*asm_string=*/"", llvm::join(constraints, ","),
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  if (isOne)
    return {all.getResult(0)};
  SmallVector<Value> same;
  for (size_t n = 0; n < values.size(); ++n)
    same.push_back(e.make<LLVM::ExtractValueOp>(all.getResult(0), int64_t(n)));
  return same;
}

SmallVector<Value> RegisterTile::emit(Emit &e, Ix depth) const {
  SmallVector<Value> zeros(size_t(rows * vectors),
                           e.constant(element, 0, lanes));
  auto stepOf = [&](Value table, Ix stride, Ix k) {
    return table ? Ix(e.loadRaw(e.getI64Type(), e.at(table, k, e.getI64Type()),
                                8))
                 : e.mul(k, stride);
  };
  auto step = [&](Ix k, ValueRange sums) {
    SmallVector<Value> next, right;
    Value atRight =
        e.at(this->right, stepOf(rightSteps, rightStride, k), element);
    for (int64_t v = 0; v < vectors; ++v)
      right.push_back(e.load(e.at(atRight, v * lanes, element), 1, element,
                             Lanes{lanes, {}}));
    Ix leftStep = stepOf(leftSteps, leftStride, k);
    Value atLeft = e.at(left, leftStep, element);
    if (ahead)
      e.prefetch(e.at(nextLeft, e.add(leftStep, stepOf(ahead, 0, k)), element));
    for (int64_t b = 0; fetchAhead && b < columns() * e.bytesOf(element);
         b += 64)
      e.prefetch(
          e.atByte(e.at(atRight, e.mul(rightStride, fetchAhead), element), b));
    for (int64_t r = 0; r < rows; ++r) {
      Value number = e.load(e.at(atLeft, rowOffsets[size_t(r)], element), 0,
                            element, Lanes{lanes, {}});
      SmallVector<Value> row;
      for (int64_t v = 0; v < vectors; ++v)
        row.push_back(fma(ScalarExpr(e, e.loc, number),
                          ScalarExpr(e, e.loc, right[size_t(v)]),
                          ScalarExpr(e, e.loc, sums[size_t(r * vectors + v)])));
      next.append(settled(e, row));
    }
    return next;
  };
  auto fetch = [&](const Fetch &f, Ix k) {
    Ix own = f.run ? e.rem(k, f.run) : k;
    e.prefetch(e.atByte(f.from, e.mul(e.div(own, f.every), f.bytes)), f.write,
               /*nearest=*/f.write);
  };
  Ix whole = dividesDepth ? depth : e.mul(e.div(depth, steps), steps);
  auto turn = [&](Ix k, ValueRange sums) {
    SmallVector<Value> values(sums.begin(), sums.end());
    for (int64_t n = 0; n < steps; ++n) {
      for (const Fetch &f : fetches)
        if (n % f.every == 0 && (n == 0 || f.bytes * steps > 64))
          fetch(f, e.add(k, n));
      values = step(e.add(k, n), values);
    }
    return values;
  };
  SmallVector<Value> sums = e.loop(0, whole, steps, zeros, turn);
  return dividesDepth ? sums : e.loop(whole, depth, 1, sums, step);
}

void RegisterTile::addTo(Emit &e, Value sums, Ix pitch, ValueRange block,
                         Ix from) const {
  auto place = [&](size_t n) {
    int64_t row = int64_t(n) / vectors, vector = int64_t(n) % vectors;
    return std::pair(
        e.at(sums, e.add(e.mul(pitch, row), vector * lanes), element),
        Lanes{lanes, {}});
  };
  for (auto [n, sum] :
       llvm::enumerate(behindBlocks(e, element, from, block, place)))
    e.store(sum, place(n).first, Lanes{lanes, {}});
}

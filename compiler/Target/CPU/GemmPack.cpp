//===- GemmPack.cpp - Panels of matrices for the product ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inner loop of the product reads both matrices as panels: a few rows side
// by side, so that what one step needs is contiguous. Any strides come in, so a
// transposed operand costs nothing but another way through this file.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Gemm.h"
#include "compiler/Target/CPU/GemmEmitter.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch::cpu;

static Value sourceAt(Emit &e, const Panel &p, Ix row, Ix k) {
  return e.at(p.source, e.add(e.mul(row, p.rowStride), e.mul(k, p.depthStride)),
              p.element);
}

static Value targetAt(Emit &e, const Panel &p, Ix row, Ix k) {
  return e.at(p.target, e.add(e.mul(k, p.paddedWidth), row), p.element);
}

/// A vector of the same form as v, of another element.
static Type formed(Value v, Type element) {
  auto vector = dyn_cast<VectorType>(v.getType());
  return vector ? Type(vector.clone(element)) : element;
}

Value etch::cpu::roundToBf16(Emit &e, Value v) {
  auto vector = dyn_cast<VectorType>(v.getType());
  Type words = formed(v, e.getI32Type());
  auto number = [&](int32_t n) {
    TypedAttr attr = e.getI32IntegerAttr(n);
    if (vector)
      attr = DenseElementsAttr::get(cast<VectorType>(words), Attribute(attr));
    return e.constant(attr);
  };
  // To nearest, ties to even; what is no number stays none.
  Value bits = e.make<arith::BitcastOp>(words, v);
  Value odd = e.make<arith::AndIOp>(e.make<arith::ShRUIOp>(bits, number(16)),
                                    number(1));
  Value up =
      e.make<arith::AddIOp>(bits, e.make<arith::AddIOp>(odd, number(0x7fff)));
  Value high = e.make<arith::AndIOp>(up, number(int32_t(0xffff0000)));
  Value isNumber = e.make<arith::CmpFOp>(arith::CmpFPredicate::ORD, v, v);
  return e.make<arith::SelectOp>(
      isNumber, e.make<arith::BitcastOp>(v.getType(), high), v);
}

/// One element at a time; right for all strides and targets.
static void packScalar(Emit &e, const Panel &p) {
  Value zero = e.constant(p.element, 0, 1);
  e.loop(0, p.depth, 1, [&](Ix k) {
    e.loop(0, p.valid, 1, [&](Ix row) {
      Value v = e.load(sourceAt(e, p, row, k), 0, p.element, Lanes());
      e.store(p.rounds ? roundToBf16(e, v) : v, targetAt(e, p, row, k),
              Lanes());
    });
    e.loop(p.valid, p.paddedWidth, 1,
           [&](Ix row) { e.store(zero, targetAt(e, p, row, k), Lanes()); });
  });
}

/// A vector of rows at once: copies where neighbouring rows are neighbours in
/// memory, gathers otherwise.
static void packAcross(Emit &e, const Panel &p, Ix stride, int64_t lanes) {
  int64_t width = std::min(lanes, p.paddedWidth);
  SmallVector<Value> masks;
  bool full = p.valid.is(p.paddedWidth);
  for (int64_t row = 0; row < p.paddedWidth; row += width)
    masks.push_back(full ? Value() : e.maskBelow(e.sub(p.valid, row), width));
  e.loop(0, p.depth, 1, [&](Ix k) {
    for (auto [n, mask] : llvm::enumerate(masks)) {
      int64_t row = int64_t(n) * width;
      Value v =
          e.load(sourceAt(e, p, row, k), stride, p.element, Lanes{width, mask});
      if (p.rounds)
        v = roundToBf16(e, v);
      e.store(v, targetAt(e, p, row, k), Lanes{width, {}});
    }
  });
}

/// A stage interleaves vectors i and i + n/2, which rotates the bits of the
/// address (row, k) by one; after log2(rows) stages it is (k, row).
void etch::cpu::transposeVectors(Emit &e, SmallVector<Value> &vectors,
                                 int64_t lanes) {
  SmallVector<int32_t> low, high;
  for (int32_t i = 0; i < lanes; ++i) {
    low.push_back(i / 2 + (i % 2) * int32_t(lanes));
    high.push_back(int32_t(lanes) / 2 + i / 2 + (i % 2) * int32_t(lanes));
  }
  for (size_t n = vectors.size(), half = n / 2; n > 1; n /= 2) {
    SmallVector<Value> next;
    for (size_t i = 0; i < half; ++i) {
      next.push_back(e.shuffle(vectors[i], vectors[i + half], low));
      next.push_back(e.shuffle(vectors[i], vectors[i + half], high));
    }
    vectors = std::move(next);
  }
}

SmallVector<Value> etch::cpu::loadTransposed(Emit &e, ArrayRef<Value> rows,
                                             Ix step, Type element,
                                             int64_t lanes) {
  int64_t piece = 16 / e.bytesOf(element); // elements of 128 bits
  SmallVector<Value> all;
  for (int64_t at = 0; at < lanes; at += piece) {
    // Vector i: the pieces of rows i, i + piece, …
    SmallVector<Value> vectors;
    for (int64_t i = 0; i < piece; ++i) {
      SmallVector<Value> parts;
      for (int64_t row = i; row < lanes; row += piece)
        parts.push_back(
            rows[size_t(row)]
                ? e.load(e.at(rows[size_t(row)], e.add(step, at), element), 1,
                         element, Lanes{piece, {}})
                : e.constant(element, 0, piece));
      for (int64_t size = piece; parts.size() > 1; size *= 2) {
        SmallVector<Value> pairs;
        auto both = llvm::to_vector(llvm::seq<int32_t>(0, int32_t(2 * size)));
        for (size_t n = 0; n < parts.size(); n += 2)
          pairs.push_back(e.shuffle(parts[n], parts[n + 1], both));
        parts = std::move(pairs);
      }
      vectors.push_back(parts[0]);
    }
    // Within each 128 bits: chunks of two vectors by turns.
    for (int64_t chunk = 1; chunk < piece; chunk *= 2) {
      SmallVector<int32_t> low, high;
      for (int64_t i = 0; i < lanes; ++i) {
        int64_t in = i % piece, from = in / (2 * chunk) * chunk + in % chunk;
        int64_t place = i - in + from + (in / chunk % 2) * lanes;
        low.push_back(int32_t(place));
        high.push_back(int32_t(place + piece / 2));
      }
      SmallVector<Value> next;
      for (int64_t begin = 0; begin < piece; begin += 2 * chunk)
        for (int64_t i = begin; i < begin + chunk; ++i) {
          Value a = vectors[size_t(i)], b = vectors[size_t(i + chunk)];
          next.push_back(e.shuffle(a, b, low));
          next.push_back(e.shuffle(a, b, high));
        }
      vectors = std::move(next);
    }
    all.append(vectors);
  }
  return all;
}

/// Each row is contiguous along k: a vector from each row, then transposed in
/// registers. `width`: of the panel, or of the part that is packed now.
static void packAlong(Emit &e, const Panel &p, int64_t width, int64_t lanes) {
  int64_t rows = std::min(lanes, width);
  // Transposing is long: vectors of rows that are alike share its code.
  if (rows < width && width == p.width &&
      (!p.valid.isKnown() || p.valid.known >= width))
    return e.loop(0, width, rows, [&](Ix row) {
      Panel part = p;
      part.source = sourceAt(e, p, row, 0);
      part.target = targetAt(e, p, row, 0);
      part.width = rows;
      part.valid = p.valid.isKnown() ? Ix(rows) : e.sub(p.valid, row);
      packAlong(e, part, rows, lanes);
    });
  int64_t kPerVector = lanes / rows;
  bool mayLoadPieces = rows == lanes && !p.rounds && e.bytesOf(p.element) >= 4;
  auto block = [&](int64_t row0, Ix k, Lanes covered) {
    SmallVector<Value> v;
    bool byPieces = mayLoadPieces && !covered.mask;
    Value zero = e.constant(p.element, 0, lanes);
    bool full = p.valid.isKnown();
    for (int64_t i = 0; i < rows; ++i) {
      int64_t row = row0 + i;
      if (row >= p.width || (full && row >= p.valid.known)) {
        v.push_back(byPieces ? Value() : zero);
        continue;
      }
      // Behind the last row: that one again. Nobody looks at the products.
      Ix from = full ? Ix(row) : e.min(row, e.sub(p.valid, 1));
      Value place = sourceAt(e, p, from, k);
      v.push_back(byPieces ? place : e.load(place, 1, p.element, covered));
      if (p.rounds)
        v.back() = roundToBf16(e, v.back());
      // The next rows: runs of a block's length are too short for hardware to
      // guess them.
      if (p.rowStride.isKnown())
        e.prefetch(sourceAt(e, p, row + std::min(rows, p.width), k),
                   /*write=*/false, /*nearest=*/false);
    }
    if (byPieces)
      v = loadTransposed(e, v, 0, p.element, lanes);
    else
      transposeVectors(e, v, lanes);
    // Vector i now holds k = i * kPerVector… with `rows` rows each. Lanes
    // behind the end of a partial block are zeros; the panel's memory has room
    // for them.
    for (int64_t i = 0; i < rows; ++i)
      e.store(v[i], targetAt(e, p, row0, e.add(k, i * kPerVector)),
              Lanes{lanes, {}});
  };
  for (int64_t row0 = 0; row0 < width; row0 += rows) {
    auto all = [&](Ix k, Lanes covered) { block(row0, k, covered); };
    // The last vector may begin within the one before.
    if (p.hasVector)
      e.loop(0, p.depth, lanes, [&](Ix k) {
        Ix from = p.wholeVectors ? k : e.min(k, e.sub(p.depth, lanes));
        all(from, Lanes{lanes, {}});
      });
    else
      e.vectorLoop(0, p.depth, lanes, /*peel=*/mayLoadPieces, all);
  }
}

void etch::cpu::emitPack(Emit &e, const Panel &p, int64_t lanes, bool masks) {
  if (masks && p.rowStride.isKnown()) {
    if (p.depthStride.is(1) && !p.rowStride.is(1))
      return packAlong(e, p, p.paddedWidth, lanes);
    return packAcross(e, p, p.rowStride, lanes);
  }
  if (masks && p.depthStride.is(1))
    return packAlong(e, p, p.paddedWidth, lanes);
  // Strides that are known at run time only: the code stays short.
  auto contiguous = [&] {
    if (masks)
      return packAcross(e, p, 1, lanes);
    // Without masked loads only whole panels are copied as vectors.
    Panel whole = p;
    whole.valid = p.paddedWidth;
    if (p.width != p.paddedWidth || p.valid.isKnown())
      return p.valid.is(p.paddedWidth) ? packAcross(e, whole, 1, lanes)
                                       : packScalar(e, p);
    e.when(
        e.compare(arith::CmpIPredicate::eq, p.valid, p.paddedWidth),
        [&] { packAcross(e, whole, 1, lanes); }, [&] { packScalar(e, p); });
  };
  auto strided = [&] {
    masks ? packAcross(e, p, p.rowStride, lanes) : packScalar(e, p);
  };
  if (p.rowStride.isKnown())
    return p.rowStride.is(1) ? contiguous() : strided();
  e.when(e.compare(arith::CmpIPredicate::eq, p.rowStride, 1), contiguous,
         strided);
}

void etch::cpu::emitPackRows(Emit &e, const PanelRows &p, int64_t lanes) {
  int64_t width = std::min(lanes, p.paddedWidth);
  int64_t line = 64 / e.bytesOf(p.element);
  Ix full = p.whole ? p.length : e.mul(e.div(p.length, p.width), p.width);
  e.loop(0, p.depth, kPackedSteps, [&](Ix k) {
    SmallVector<Value> from;
    for (int64_t step = 0; step < kPackedSteps; ++step) {
      // Behind the last step: that one again. Nobody looks at it.
      Ix at = e.add(k, step);
      if (!p.wholeSteps)
        at = e.min(at, e.sub(p.depth, 1));
      from.push_back(e.at(p.source, e.mul(at, p.depthStride), p.element));
    }
    Value to = e.at(p.target, e.mul(k, p.paddedWidth), p.element);
    auto panel = [&](Ix row, Ix valid, bool ahead) {
      Value target = e.at(to, e.mul(e.div(row, p.width), p.pitch), p.element);
      for (int64_t step = 0; step < kPackedSteps; ++step) {
        Value source = e.at(from[size_t(step)], row, p.element);
        Ix next = e.mul(kPackedSteps, p.depthStride);
        for (int64_t i = 0; ahead && i < p.width; i += line)
          e.prefetch(e.at(source, e.add(next, i), p.element));
        for (int64_t i = 0; i < p.paddedWidth; i += width) {
          bool inside = valid.isKnown() && i + width <= valid.known;
          Value v = e.load(
              e.at(source, i, p.element), 1, p.element,
              Lanes{width,
                    inside ? Value() : e.maskBelow(e.sub(valid, i), width)});
          if (p.rounds)
            v = roundToBf16(e, v);
          e.store(v, e.at(target, step * p.paddedWidth + i, p.element),
                  Lanes{width, {}});
        }
      }
    };
    e.loop(0, full, p.width, [&](Ix row) { panel(row, p.width, true); });
    if (!p.whole)
      e.loop(full, p.length, p.width,
             [&](Ix row) { panel(row, e.sub(p.length, row), false); });
  });
}

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
    rows.wholeSteps = !tiling.inParts && extents.k.isKnown() &&
                      extents.k.known % kPackedSteps == 0;
    rows.depth = depth;
    rows.pitch = e.mul(paddedWidth, pitch);
    rows.target = target;
    rows.rounds = rounds;
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
    if (!tiling.inParts && extents.k.isKnown() && extents.k.known > 0) {
      int64_t lanes = k.lanesOf(element);
      panel.hasVector = (extents.k.known - 1) % kGemmBlock + 1 >= lanes;
      panel.wholeVectors = extents.k.known % lanes == 0;
    }
    panel.rounds = rounds;
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

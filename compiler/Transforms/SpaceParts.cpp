//===- SpaceParts.cpp - slices and placed arrays under other shapes -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A part takes shapes in which it lies as evenly: [2:5] of (8, 3) is [6:15] of
// (24), [:, 2] of (8, 3) is [2::3] of (24).
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Space.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

namespace {
/// A part along one axis: what is seen, what it is a part of or surrounds, and
/// where the smaller one begins in the larger one.
struct PartAxis {
  Product extent, other;
  int64_t start = 0, step = 1;

  bool isWhole() const { return start == 0 && step == 1 && extent == other; }
};
} // namespace

/// Neighbouring axes as one; nothing where elements are not evenly spaced.
static std::optional<PartAxis> merge(ArrayRef<PartAxis> axes, bool isSlice) {
  PartAxis merged;
  for (const PartAxis &axis : axes) {
    Product count = axis.extent;
    if (axis.isWhole() && merged.step == 1) {
      // Behind a part: blocks of that many elements.
      if (merged.start != 0 && !count.symbols.empty())
        return std::nullopt;
      merged.start *= count.known;
    } else if (axis.isWhole() && count.isOne()) {
      continue;
    } else if (merged.isWhole() && merged.extent.isOne()) {
      merged.start = axis.start;
      merged.step = axis.step;
    } else if (merged.isWhole() && isSlice && count.isOne() &&
               axis.other.symbols.empty()) {
      // One of each row.
      merged.start =
          axis.start < 0 ? axis.start + axis.other.known : axis.start;
      merged.step = axis.other.known;
    } else {
      return std::nullopt;
    }
    merged.extent *= count;
    merged.other *= axis.other;
  }
  return merged;
}

/// Each axis of `space` is a group of neighbouring axes of x, of which one may
/// be a part; axes of one element go to whichever side they fit.
Value SpaceMap::viewOfPart(Value x, const Space &from, const Space &space,
                           Builder *to) {
  Operation *op = x.getDefiningOp();
  auto slice = llvm::dyn_cast<SliceOp>(op);
  auto place = llvm::dyn_cast<PlaceOp>(op);
  Value source = op->getOperand(0);
  Space other = spaceOf(source);
  ArrayRef<int64_t> starts = slice ? slice.getStarts() : place.getStarts();
  ArrayRef<int64_t> steps = slice ? slice.getSteps() : place.getSteps();
  SmallVector<PartAxis> axes;
  for (size_t i = 0; i < from.size(); ++i)
    if (PartAxis axis{from[i], other[i], starts[i],
                      slice && from[i].isOne() ? 1 : steps[i]};
        !axis.isWhole() || !from[i].isOne())
      axes.push_back(axis);

  SmallVector<PartAxis> merged;
  size_t next = 0;
  for (const Product &extent : space) {
    size_t first = next;
    Product have;
    if (extent.isOne()) {
      // It may take an axis of one element, if there is one.
      if (next < axes.size() && axes[next].extent.isOne())
        ++next;
    } else {
      while (next < axes.size() && have != extent) {
        have *= axes[next++].extent;
        if (!have.divides(extent) || extent.known == 0)
          return {};
      }
      if (have != extent)
        return {};
    }
    auto one = merge(ArrayRef(axes).slice(first, next - first), bool(slice));
    if (!one)
      return {};
    merged.push_back(*one);
  }
  // What is left is of one element each and belongs to the last axis.
  for (; next < axes.size(); ++next) {
    if (!axes[next].extent.isOne() || merged.empty())
      return {};
    PartAxis both[] = {merged.back(), axes[next]};
    auto one = merge(both, bool(slice));
    if (!one)
      return {};
    merged.back() = *one;
  }

  Space inner;
  SmallVector<int64_t> newStarts, newSteps;
  for (const PartAxis &axis : merged) {
    inner.push_back(axis.other);
    newStarts.push_back(axis.start);
    newSteps.push_back(axis.step);
  }
  Value y = view(source, inner, to);
  if (!y || !to)
    return y;
  RankedTensorType type = typeOf(x, space);
  SmallVector<Value> extents = extentValues(space, *to);
  Operation *made =
      slice ? SliceOp::create(to->b, to->loc, type, y, extents, newStarts,
                              newSteps, type.getShape())
                  .getOperation()
            : PlaceOp::create(to->b, to->loc, type, y, extents, newStarts,
                              newSteps, place.getFill(), type.getShape());
  to->temporaries.push_back(made);
  return made->getResult(0);
}

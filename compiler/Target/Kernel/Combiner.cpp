//===- Combiner.cpp - The order of sums -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Kernel/Combiner.h"

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/ScalarExpr.h"

using namespace mlir;
using namespace etch;
using namespace etch::kernel;

Combiner Combiner::of(Operation *op) {
  return {isa<SumOp>(op)   ? sum
          : isa<MaxOp>(op) ? max
                           : min,
          getElementTypeOrSelf(op->getResult(0).getType())};
}

Value Combiner::identity(Emit &e, int64_t lanes) const {
  if (isa<FloatType>(element))
    return e.constant(element,
                      kind == sum   ? -0.0
                      : kind == max ? -INFINITY
                                    : INFINITY,
                      lanes);
  unsigned bits = element.getIntOrFloatBitWidth();
  APInt value = kind == sum   ? APInt(bits, 0)
                : kind == max ? APInt::getSignedMinValue(bits)
                              : APInt::getSignedMaxValue(bits);
  TypedAttr attr = e.getIntegerAttr(element, value);
  if (lanes != 1)
    attr = DenseElementsAttr::get(VectorType::get({lanes}, element),
                                  Attribute(attr));
  return e.constant(attr);
}

Value Combiner::combine(Emit &e, Value a, Value b) const {
  ScalarExpr x(e, e.loc, a), y(e, e.loc, b);
  return kind == sum ? x + y : kind == max ? maximum(x, y) : minimum(x, y);
}

Value Combiner::fold(Emit &e, Value v) const {
  auto type = dyn_cast<VectorType>(v.getType());
  if (!type)
    return v;
  for (int32_t n = int32_t(type.getNumElements()); n > 1; n /= 2) {
    SmallVector<int32_t> low, high;
    for (int32_t i = 0; i < n / 2; ++i) {
      low.push_back(i);
      high.push_back(i + n / 2);
    }
    v = combine(e, e.shuffle(v, v, low), e.shuffle(v, v, high));
  }
  return e.extract(v, 0);
}

Value Combiner::orEmpty(Emit &e, Ix extent, Value v) const {
  if (kind != sum || (extent.isKnown() && extent.known != 0))
    return v;
  auto type = dyn_cast<VectorType>(v.getType());
  Value zero = e.constant(element, 0, type ? type.getNumElements() : 1);
  if (extent.isKnown())
    return zero;
  return e.make<arith::SelectOp>(e.compare(arith::CmpIPredicate::eq, extent, 0),
                                 zero, v);
}

// One condition for all: loads that are selected one by one become a branch
// each.
SmallVector<Value> etch::kernel::behindBlocks(
    Emit &e, Type element, Ix from, ValueRange block,
    function_ref<std::pair<Value, Lanes>(size_t)> places) {
  auto alone = [&] { return llvm::to_vector(block); };
  if (from.isKnown())
    return alone();
  auto behind = [&] {
    SmallVector<Value> sums;
    for (auto [n, value] : llvm::enumerate(block)) {
      auto [place, covered] = places(n);
      sums.push_back(ScalarExpr(e, e.loc, e.load(place, 1, element, covered)) +
                     ScalarExpr(e, e.loc, value));
    }
    return sums;
  };
  return e.select(e.compare(arith::CmpIPredicate::eq, from, 0),
                  block.getTypes(), alone, behind);
}

//===- Ranges.cpp - How large indices get ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Ranges.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace etch::cuda;

/// What is larger is nobody's index; products of two stay in 128 bits.
static constexpr int64_t kLargest = int64_t(1) << 52;

bool Ranges::isNarrow(Value v) {
  std::optional<Range> range = of(v);
  return range && range->low >= 0 && range->high < (int64_t(1) << 31);
}

std::optional<Ranges::Range> Ranges::of(Value v) {
  if (!v.getType().isInteger(64))
    return std::nullopt;
  if (auto it = known.find(v); it != known.end())
    return it->second;
  std::optional<Range> range = find(v);
  if (range && (range->low < -kLargest || range->high > kLargest ||
                range->low > range->high))
    range = std::nullopt;
  return known[v] = range;
}

std::optional<Ranges::Range> Ranges::find(Value v) {
  if (auto argument = dyn_cast<BlockArgument>(v)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    if (!loop || loop.getInductionVar() != v)
      return std::nullopt;
    // It is increased once more behind the last round, and does not wrap.
    for (Value bound :
         {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()})
      if (!isNarrow(bound))
        return std::nullopt;
    int64_t low = of(loop.getLowerBound())->low;
    return Range{low, std::max(low, of(loop.getUpperBound())->high - 1)};
  }
  Operation *op = v.getDefiningOp();
  APInt number;
  if (matchPattern(v, m_ConstantInt(&number)))
    return Range{number.getSExtValue(), number.getSExtValue()};
  if (auto call = dyn_cast<LLVM::CallOp>(op)) {
    auto count = [&](StringRef name) -> std::optional<Range> {
      auto attr = function->getAttrOfType<IntegerAttr>(name);
      if (!attr || attr.getInt() < 1)
        return std::nullopt;
      return Range{0, attr.getInt() - 1};
    };
    return call.getCallee() == "etch_thread"  ? count(kThreadsAttr)
           : call.getCallee() == "etch_block" ? count(kBlocksAttr)
                                              : std::nullopt;
  }
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivUIOp,
           arith::RemUIOp, arith::MinSIOp, arith::MaxSIOp, arith::SelectOp>(op))
    return std::nullopt;
  unsigned first = isa<arith::SelectOp>(op) ? 1 : 0;
  std::optional<Range> x = of(op->getOperand(first)),
                       y = of(op->getOperand(first + 1));
  // What is divided by a number is below it, whatever it is.
  if (isa<arith::RemUIOp>(op) && y && y->low > 0)
    return Range{0, x && x->low >= 0 ? std::min(x->high, y->high - 1)
                                     : y->high - 1};
  if (isa<arith::MinSIOp>(op) && x && y)
    return Range{std::min(x->low, y->low), std::min(x->high, y->high)};
  if (isa<arith::MaxSIOp>(op) && x && y)
    return Range{std::max(x->low, y->low), std::max(x->high, y->high)};
  if (!x || !y)
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return Range{x->low + y->low, x->high + y->high};
  if (isa<arith::SubIOp>(op))
    return Range{x->low - y->high, x->high - y->low};
  if (isa<arith::SelectOp>(op))
    return Range{std::min(x->low, y->low), std::max(x->high, y->high)};
  if (x->low < 0 || y->low < 0)
    return std::nullopt;
  if (isa<arith::MulIOp>(op)) {
    if (__int128(x->high) * y->high > kLargest)
      return std::nullopt;
    return Range{x->low * y->low, x->high * y->high};
  }
  if (isa<arith::DivUIOp>(op) && y->low > 0)
    return Range{x->low / y->high, x->high / y->low};
  return std::nullopt;
}

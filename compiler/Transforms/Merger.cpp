//===- Merger.cpp - equal ops are one -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Merger.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

static constexpr auto equivalenceFlags =
    OperationEquivalence::Flags(OperationEquivalence::IgnoreLocations |
                                OperationEquivalence::IgnoreDiscardableAttrs);

size_t Merger::Hash::operator()(Operation *op) const {
  return OperationEquivalence::computeHash(
      op, OperationEquivalence::directHashValue,
      OperationEquivalence::ignoreHashValue, equivalenceFlags);
}

// What is recorded without gradient is not equal to the same recorded with one.
bool Merger::Equal::operator()(Operation *a, Operation *b) const {
  return a == b || (a->hasAttr(kNoGradAttr) == b->hasAttr(kNoGradAttr) &&
                    OperationEquivalence::isEquivalentTo(
                        a, b, OperationEquivalence::exactValueMatch,
                        /*markEquivalent=*/nullptr, equivalenceFlags));
}

Operation *Merger::find(Operation *op) {
  if (!isMemoryEffectFree(op) || op->getNumRegions() != 0 ||
      op->hasTrait<OpTrait::IsTerminator>() || op->getNumResults() != 1 ||
      llvm::isa<GradientOp>(op))
    return nullptr;
  auto [equal, isNew] = seen.insert(op);
  return isNew ? nullptr : *equal;
}

Operation *Merger::pass(Operation *op) {
  positions[op] = next++;
  return op->getNextNode();
}

void Merger::replace(Operation *old, Operation *now) {
  int64_t position = positionOf(old);
  positions.erase(old); // another op may come to lie there
  positions[now] = position;
}

int64_t Merger::positionOf(Operation *op) const {
  auto it = positions.find(op);
  return it == positions.end() ? -1 : it->second;
}

int64_t Merger::positionOf(Value x) const {
  if (auto argument = llvm::dyn_cast<BlockArgument>(x))
    return int64_t(argument.getArgNumber()) - INT32_MAX;
  return positionOf(x.getDefiningOp());
}

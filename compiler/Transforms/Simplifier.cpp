//===- Simplifier.cpp - simplification in one forward sweep
//----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Simplifier.h"

#include "compiler/Transforms/SimplifyControl.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

static FrozenRewritePatternSet canonicalizations(MLIRContext *context) {
  RewritePatternSet patterns(context);
  for (RegisteredOperationName op : context->getRegisteredOperations())
    if (op.getDialectNamespace() == EtchDialect::getDialectNamespace())
      op.getCanonicalizationPatterns(patterns, context);
  return std::move(patterns);
}

Simplifier::Simplifier(MLIRContext *context)
    : patterns(canonicalizations(context)), applicator(patterns),
      rewriter(context) {
  applicator.applyDefaultCostModel();
}

void Simplifier::orderOperands(Operation *op) {
  auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
  if (!rule || !rule.getInfo().commutative)
    return;
  Value a = op->getOperand(0), b = op->getOperand(1);
  if (a.getType() == b.getType() &&
      merger.positionOf(b) < merger.positionOf(a)) {
    op->setOperand(0, b);
    op->setOperand(1, a);
  }
}

/// Replaces or changes an op; returns it if it still stands, unchanged.
Operation *Simplifier::simplifyInPlace(Operation *op) {
  if (gradientsAreDone) {
    op->removeAttr(kNoGradAttr);
    if (auto custom = llvm::dyn_cast<CustomVjpOp>(op)) {
      rewriter.replaceOp(op, custom.getOutputs());
      return nullptr;
    }
    if (auto stop = llvm::dyn_cast<StopGradientOp>(op)) {
      rewriter.replaceOp(op, stop.getX());
      return nullptr;
    }
  }
  if (auto dim = llvm::dyn_cast<tensor::DimOp>(op))
    if (resolver.replace(rewriter, dim))
      return nullptr;
  if (minimal)
    return op;
  SmallVector<OpFoldResult> folded;
  if (!op->hasTrait<OpTrait::ConstantLike>() && succeeded(op->fold(folded))) {
    if (folded.empty())
      return simplifyInPlace(op);
    SmallVector<Value> values;
    rewriter.setInsertionPoint(op);
    for (auto [result, y] : llvm::zip_equal(folded, op->getResults())) {
      Value value = llvm::dyn_cast_if_present<Value>(result);
      if (!value)
        if (Operation *constant = op->getDialect()->materializeConstant(
                rewriter, llvm::cast<Attribute>(result), y.getType(),
                op->getLoc()))
          value = constant->getResult(0);
      if (!value || value.getType() != y.getType())
        return op;
      values.push_back(value);
    }
    rewriter.replaceOp(op, values);
    return nullptr;
  }
  rewriter.setInsertionPoint(op);
  if (succeeded(applicator.matchAndRewrite(op, rewriter)))
    return nullptr;
  return op;
}

/// A loop or branch, then what its regions hold.
void Simplifier::simplifyControl(Operation *op) {
  simplifyOperands(op);
  for (Region &region : op->getRegions()) {
    if (region.empty())
      continue;
    Simplifier inner(op->getContext());
    inner.gradientsAreDone = gradientsAreDone;
    inner.merges = merges;
    inner.minimal = minimal;
    for (Operation *part = &region.front().front(); part;)
      part = inner.visit(part);
  }
  simplifyOperands(op);
}

Operation *Simplifier::visit(Operation *op) {
  Operation *before = op->getPrevNode(), *after = op->getNextNode();
  Block *block = op->getBlock();
  DictionaryAttr attributes = op->getDiscardableAttrDictionary();
  // An op that went has left successors in its place, or none.
  if (!simplifyInPlace(op)) {
    Operation *first = before ? before->getNextNode() : &block->front();
    for (Operation *part = first; part != after; part = part->getNextNode())
      part->setDiscardableAttrs(attributes);
    return first;
  }
  if (!minimal)
    orderOperands(op);
  if (isControl(op))
    simplifyControl(op);
  if (Operation *equal = merges ? merger.find(op) : nullptr) {
    Operation *next = op->getNextNode();
    rewriter.replaceOp(op, equal->getResults());
    return next;
  }
  return merger.pass(op);
}

void Simplifier::eraseDead(Block &block) {
  for (Operation *op = &block.back(); op;) {
    Operation *before = op->getPrevNode();
    if (isOpTriviallyDead(op))
      op->erase();
    else if (isControl(op))
      dropUnused(op);
    op = before;
  }
}

void etch::simplify(func::FuncOp function, bool minimal) {
  Block &body = function.getBody().front();
  Simplifier simplifier(function.getContext());
  simplifier.gradientsAreDone = true;
  simplifier.minimal = minimal;
  simplifier.merges = !minimal;
  for (Operation *op = &body.front(); op;)
    op = simplifier.visit(op);
  Simplifier::eraseDead(body);
}

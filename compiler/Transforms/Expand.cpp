//===- Expand.cpp - ops become canonical ones
//------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every op is asked for its expansion, and so are the ops that it is made of.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Simplifier.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_EXPAND
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

/// Replaces an op by its expansion and returns the op to look at next.
static FailureOr<Operation *> expand(Operation *op) {
  auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
  if (!rule)
    return op->getNextNode();
  Operation *before = op->getPrevNode();
  OpBuilder b(op);
  Value expansion = rule.buildExpansion(b);
  if (!expansion)
    return op->getNextNode();
  Operation *first = before ? before->getNextNode() : &op->getBlock()->front();
  Value y = op->getResult(0);
  if (expansion.getType() != y.getType())
    return op->emitOpError("expands to ")
           << expansion.getType() << " but is " << y.getType();
  if (Attribute backward = op->getAttr(kBackwardAttr))
    for (Operation *part = first; part != op; part = part->getNextNode())
      part->setAttr(kBackwardAttr, backward);
  y.replaceAllUsesWith(expansion);
  // An expansion may be nothing new but one of the operands.
  Operation *next = first == op ? op->getNextNode() : first;
  op->erase();
  return next;
}

namespace {
struct Expand : etch::impl::ExpandBase<Expand> {
  using ExpandBase::ExpandBase;

  void runOnOperation() override {
    for (auto program : getOperation().getOps<func::FuncOp>()) {
      if (!isProgram(program))
        continue;
      for (Operation *op = &program.getBody().front().front(); op;) {
        FailureOr<Operation *> next = expand(op);
        if (failed(next))
          return signalPassFailure();
        op = *next;
      }
      simplify(program, minimal);
    }
  }
};
} // namespace

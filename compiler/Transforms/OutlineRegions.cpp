//===- OutlineRegions.cpp - regions become programs -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inner regions first. A loop's states are to its body what states are to
// main: arguments that results update in place.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_OUTLINEREGIONS
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

/// Moves the ops of a region into a function, whose call takes their place.
static func::FuncOp outline(Region &region, const llvm::Twine &name,
                            func::FuncOp main) {
  Block &block = region.front();
  Operation *yield = block.getTerminator();
  Location loc = region.getLoc();
  OpBuilder b(main);
  auto function = func::FuncOp::create(
      b, loc, name.str(),
      b.getFunctionType(block.getArgumentTypes(), yield->getOperandTypes()));
  function.setPrivate();
  function->setAttr(kProgramAttr, b.getUnitAttr());
  Block *body = function.addEntryBlock();
  body->getOperations().splice(body->end(), block.getOperations());
  for (auto [outer, inner] :
       llvm::zip_equal(block.getArguments(), body->getArguments()))
    outer.replaceAllUsesWith(inner);
  b.setInsertionPoint(yield);
  func::ReturnOp::create(b, yield->getLoc(), yield->getOperands());
  yield->erase();
  b.setInsertionPointToEnd(&block);
  auto call = func::CallOp::create(b, loc, function, block.getArguments());
  YieldOp::create(b, loc, call.getResults());
  return function;
}

namespace {
struct OutlineRegions : etch::impl::OutlineRegionsBase<OutlineRegions> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    unsigned number = 0;
    main.walk([&](Operation *op) {
      if (auto loop = llvm::dyn_cast<LoopOp>(op))
        outlineLoop(loop, main, number++);
      else if (auto cond = llvm::dyn_cast<CondOp>(op))
        outlineCond(cond, main, number++);
    });
  }

  static void outlineLoop(LoopOp loop, func::FuncOp main, unsigned number) {
    if (loop.hasCondition())
      outline(loop.getCondition(), "condition" + llvm::Twine(number), main);
    func::FuncOp body =
        outline(loop.getBody(), "body" + llvm::Twine(number), main);
    Builder b(loop.getContext());
    for (unsigned i = 0; i < loop.getInits().size(); ++i) {
      body.setArgAttr(1 + i, kStateAttr, b.getUnitAttr());
      body.setResultAttr(i, kUpdateAttr, b.getI64IntegerAttr(1 + i));
    }
  }

  static void outlineCond(CondOp cond, func::FuncOp main, unsigned number) {
    outline(cond.getThen(), "then" + llvm::Twine(number), main);
    outline(cond.getOtherwise(), "else" + llvm::Twine(number), main);
  }
};
} // namespace

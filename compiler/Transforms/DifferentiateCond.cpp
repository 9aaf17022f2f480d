//===- DifferentiateCond.cpp - the backward branches of a branch ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each branch of the backward part is that of the forward part with the rules
// of its ops behind it: what these do not read is dead. The sum of a capture's
// cotangent goes through the branch; one that does not use the capture hands it
// on unchanged.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Sweep.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace etch;

namespace {
/// What the backward branches take and hand out.
struct Signature {
  SmallVector<unsigned> ys;     // with cotangents
  SmallVector<unsigned> active; // captures
  SmallVector<Value> captures;  // forward captures, cotangents, sums
};
} // namespace

static LogicalResult writeBranch(CondOp cond, Region &from, Region &to,
                                 const Signature &signature) {
  Block &block = from.front();
  Location loc = cond.getLoc();
  Block *body = new Block;
  to.push_back(body);
  for (Value x : signature.captures)
    body->addArgument(x.getType(), loc);
  size_t n = block.getNumArguments();
  IRMapping map;
  map.map(block.getArguments(), body->getArguments().take_front(n));
  OpBuilder b(body, body->end());
  for (Operation &op : block.without_terminator())
    b.clone(op, map);
  SmallVector<Operation *> ops;
  for (Operation &op : *body)
    ops.push_back(&op);
  Sweep sweep(b);
  ArrayRef<BlockArgument> gys = body->getArguments().slice(n,
                                                           signature.ys.size()),
                          sums = body->getArguments().take_back(
                              signature.active.size());
  for (auto [i, sum] : llvm::zip_equal(signature.active, sums)) {
    sweep.active.insert(body->getArgument(i));
    sweep.cotangents[body->getArgument(i)] = sum;
  }
  sweep.activate(*body);
  for (auto [i, gy] : llvm::zip_equal(signature.ys, gys))
    sweep.add(map.lookupOrDefault(block.getTerminator()->getOperand(i)), gy,
              loc);
  if (failed(sweep.visitAll(ops)))
    return failure();
  YieldOp::create(b, loc,
                  llvm::map_to_vector(signature.active, [&](unsigned i) {
                    return sweep.cotangents.lookup(body->getArgument(i));
                  }));
  for (Operation *op = body->getTerminator(); op;) {
    Operation *before = op->getPrevNode();
    if (isOpTriviallyDead(op))
      op->erase();
    op = before;
  }
  return success();
}

LogicalResult etch::visitCond(Sweep &sweep, CondOp cond) {
  Location loc = cond.getLoc();
  Signature signature;
  signature.captures.assign(cond.getCaptures().begin(),
                            cond.getCaptures().end());
  for (auto [i, y] : llvm::enumerate(cond.getYs()))
    if (Value gy = sweep.cotangents.lookup(y)) {
      signature.ys.push_back(unsigned(i));
      signature.captures.push_back(gy);
    }
  SmallVector<Type> types;
  for (auto [i, x] : llvm::enumerate(cond.getCaptures())) {
    if (!sweep.active.contains(x))
      continue;
    signature.active.push_back(unsigned(i));
    types.push_back(x.getType());
    Value start = sweep.take(x);
    signature.captures.push_back(start ? start
                                       : buildSplat(sweep.b, loc, -0.0, x));
  }
  auto backward = CondOp::create(sweep.b, loc, types, cond.getPredicate(),
                                 signature.captures);
  if (failed(
          writeBranch(cond, cond.getThen(), backward.getThen(), signature)) ||
      failed(writeBranch(cond, cond.getOtherwise(), backward.getOtherwise(),
                         signature))) {
    backward.erase();
    return failure();
  }
  for (auto [i, y] : llvm::zip_equal(signature.active, backward.getYs()))
    sweep.add(cond.getCaptures()[i], y, loc);
  return success();
}

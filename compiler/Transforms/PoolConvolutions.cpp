//===- PoolConvolutions.cpp - convolutions end in the pool of their result ===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a convolution makes is often read once, by a pool of values. Then the
// target's kernel may take the largest of each window as soon as its rows are
// complete: an array of several times the result is never written.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/PoolConvolutions.h"
#include "compiler/Transforms/JoinCalls.h"
#include "compiler/Transforms/Passes.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_POOLCONVOLUTIONS
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

/// The windows of a kernel that does nothing but pool the values of its first
/// argument (see PoolValues); null if it is another one.
static MaxPoolIndexOp poolOf(func::FuncOp kernel) {
  if (!kernel || kernel.getNumResults() != 1)
    return {};
  auto ops = kernel.getBody().front().without_terminator();
  auto pool = ops.empty() ? MaxPoolIndexOp()
                          : llvm::dyn_cast<MaxPoolIndexOp>(*ops.begin());
  bool gathers = llvm::any_of(ops, llvm::IsaPred<GatherOp>);
  return pool && gathers && pool.getX() == kernel.getArgument(0)
             ? pool
             : MaxPoolIndexOp();
}

/// The convolution of a kernel of one result, of dense arrays; or null.
static Conv2dOp convolutionOf(func::FuncOp kernel) {
  if (!kernel || kernel.getNumResults() != 1)
    return {};
  Block &body = kernel.getBody().front();
  auto convolutions = body.getOps<Conv2dOp>();
  if (convolutions.empty() || (*convolutions.begin()).getY().getType() !=
                                  body.getTerminator()->getOperand(0).getType())
    return {};
  for (Value x :
       {(*convolutions.begin()).getX(), (*convolutions.begin()).getW()}) {
    auto argument = llvm::dyn_cast<BlockArgument>(x);
    if (!argument || kernel.getArgAttr(argument.getArgNumber(), kStridedAttr))
      return {};
  }
  return *convolutions.begin();
}

namespace {
struct PoolConvolutions : etch::impl::PoolConvolutionsBase<PoolConvolutions> {
  PoolConvolutions(EndsInPool endsInPool = {}) : endsInPool(endsInPool) {}

  void runOnOperation() override {
    SmallVector<std::pair<func::CallOp, func::CallOp>> pairs;
    getOperation().walk([&](func::CallOp call) {
      MaxPoolIndexOp pool = poolOf(kernelOf(call));
      auto before =
          pool ? call.getOperand(0).getDefiningOp<func::CallOp>() : nullptr;
      Conv2dOp op = before ? convolutionOf(kernelOf(before)) : Conv2dOp();
      if (op && before->hasOneUse() && before->getBlock() == call->getBlock() &&
          (!endsInPool || endsInPool(op, pool)))
        pairs.emplace_back(before, call);
    });
    CallJoiner joiner;
    for (auto [convolution, pool] : pairs)
      joiner.join({convolution, pool},
                  convolution.getCallee() + "." + pool.getCallee());
    if (!pairs.empty())
      eraseUncalled(getOperation());
  }

  EndsInPool endsInPool;
};
} // namespace

std::unique_ptr<Pass> etch::createPoolConvolutions(EndsInPool endsInPool) {
  return std::make_unique<PoolConvolutions>(std::move(endsInPool));
}

//===- LoopGradient.h - the backward loop of a loop -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_LOOPGRADIENT_H
#define ETCH_COMPILER_TRANSFORMS_LOOPGRADIENT_H

#include "compiler/Transforms/Presence.h"
#include "compiler/Transforms/Sweep.h"

#include "dialects/Etch/Extents.h"

namespace etch {

/// An argument of the backward body: for the time being one of the forward
/// body.
struct BackwardArgument {
  mlir::Value inside;
  mlir::Value outside; ///< initial state, array or capture of the backward loop
  int kept = -1;       ///< or its array is that of this value that is kept
  mlir::Value next;    ///< of a state: what the body yields
};

/// What tells, after the backward loop, whether a sum is there.
struct AfterLoop {
  int flag = -1;      ///< among its sums, if it has one in each iteration
  bool holds = false; ///< if there was an iteration
  mlir::Value before; ///< whether it was there before the loop
};

class LoopGradient {
public:
  LoopGradient(Sweep &outer, LoopOp loop)
      : outer(outer), loop(loop), block(loop.getBodyBlock()),
        b(loop.getContext()), loc(loop.getLoc()), inner(b) {
    inner.again = outer.again;
  }

  llvm::LogicalResult run();

private:
  mlir::Value argument(llvm::SmallVectorImpl<BackwardArgument> &kind,
                       mlir::Type type, mlir::Value outside);
  mlir::Value capture(mlir::Value outside);
  void findActive();
  void startYielded(llvm::ArrayRef<mlir::Value> nextSums,
                    llvm::ArrayRef<mlir::Value> presents);
  mlir::Value isAtEnd(bool last);
  mlir::Value presenceOf(size_t output);
  Knowledge knowledgeIn(llvm::ArrayRef<BackwardArgument> flags,
                        const llvm::DenseSet<mlir::Value> &later, bool first,
                        std::optional<bool> last);
  void findSure();
  void writeSure(llvm::MutableArrayRef<BackwardArgument> flags,
                 llvm::function_ref<bool(mlir::Value)> always);
  mlir::Value isEmpty(mlir::OpBuilder &b);
  mlir::Value presenceAfter(size_t sum, LoopOp backward);
  void startSums();
  void finishSums();
  void cutApart();
  bool isForward(mlir::Value x);
  mlir::Value standIn(mlir::Value x);
  mlir::Value extentStandIn(mlir::Value tensor, int64_t axis);
  mlir::Value indexStandIn(mlir::Value x);
  llvm::LogicalResult keepValues();
  LoopOp writeBackward();
  void restoreForward();
  void addResults(LoopOp backward);
  bool neverIsEmpty();

  Sweep &outer;
  LoopOp loop;
  mlir::Block &block;
  mlir::OpBuilder b; // in the body
  mlir::Location loc;
  Sweep inner;

  llvm::SmallVector<mlir::Value> stateArgs, sliceArgs, captureArgs, nexts,
      yielded;
  llvm::SmallVector<mlir::Value> gYs;     // from outside
  llvm::SmallVector<mlir::Value> gSlices; // of ys, in the body
  llvm::SmallVector<CotangentSum> starts; // of states, from outside
  llvm::SmallVector<unsigned> states, slices, captures; // that are active
  // Of the backward loop. Sums of `captures` come first, then of `states`, then
  // the presences of both and of the outputs for `slices`.
  llvm::SmallVector<BackwardArgument> sums, inputs, captured;
  llvm::SmallVector<AfterLoop> presences; // by sum
  mlir::Value ends[2]; // whether an iteration is the first, or the last
  llvm::SmallVector<mlir::Value> rowFlags; // presences of rows, by slice
  mlir::Value index;
  llvm::SmallVector<mlir::Value> outputs;
  mlir::Operation *border = nullptr,
                  *begin = nullptr;        // of forward, of the rules
  llvm::DenseSet<mlir::Operation *> rules; // and what stands in for values
  llvm::DenseMap<mlir::Value, mlir::Value> stands;
  ExtentResolver resolver;
  llvm::SmallVector<mlir::Value> kept; // in the forward body
  size_t numOutputs = 0; // without those that are kept for a backward loop
};

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_LOOPGRADIENT_H

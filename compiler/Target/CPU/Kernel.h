//===- Kernel.h - A kernel under construction --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel is described by a function of etch ops and becomes
//
//   void kernel(void *closure, int64_t begin, int64_t end, int32_t worker)
//
// over a range of units of work. The closure is an array of 8-byte slots that
// the launch fills: a fixed header, then what `slots` lists.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_KERNEL_H
#define ETCH_COMPILER_TARGET_CPU_KERNEL_H

#include "compiler/Target/CPU/CodegenCPU.h"
#include "compiler/Target/CPU/Emit.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <functional>

namespace etch::cpu {

/// The first slots of every closure.
enum ClosureHeader : int64_t {
  kScratchSlot,      ///< scratch memory of worker 0
  kScratchBytesSlot, ///< distance to the next worker's
  kErrorSlot,        ///< the call's etch_error_t
  kSiteSlot,         ///< number of the operation in the program
  kEntrySlot,        ///< the kernel itself, for the task that pool threads run
  kFirstSlot,
};

/// What a launch puts into one of the further slots.
struct Slot {
  enum Kind { pointer, extent, stride, index } kind;
  unsigned operand; ///< of the launch: ins, then outs
  unsigned axis;
};

/// An operand of the launch as the kernel sees it.
struct Buffer {
  mlir::Value pointer; ///< null for an index operand
  mlir::Type element;
  llvm::SmallVector<Ix, 4> extents, strides;
  bool dense = true;
};

using Extents = llvm::SmallVector<Ix, 4>;

/// An extent that a kernel's values have: known, or that of an operand of the
/// launch. It means the same inside the kernel and at the launch.
struct ExtentRef {
  int64_t known = 0;
  int operand = -1; ///< of the launch; -1: known
  unsigned axis = 0;

  Ix in(llvm::ArrayRef<Buffer> buffers) const {
    return operand < 0 ? Ix(known) : buffers[operand].extents[axis];
  }
  Ix in(llvm::ArrayRef<Extents> shapes) const {
    return operand < 0 ? Ix(known) : shapes[operand][axis];
  }
};

/// How a launch may be cut: `count` units in pieces of at least `grain`. `cost`
/// (in simple scalar operations) decides whether that pays.
struct Work {
  Ix count = 1, grain = 1, cost = 0;
};

/// A launch worth less is not handed to other threads.
inline constexpr int64_t kParallelCost = 65536;
/// What one piece of work should cost at least.
inline constexpr int64_t kGrainCost = 32768;

class Kernel {
public:
  Kernel(mlir::func::FuncOp source, const CodegenOptions &options);

  /// Emits the function next to its source. Fails with a diagnostic.
  llvm::LogicalResult emit();

  mlir::func::FuncOp source;
  const CodegenOptions &options;
  Emit e;
  mlir::LLVM::LLVMFuncOp function;
  mlir::Value closure, begin, end, worker;
  llvm::SmallVector<Slot> slots;
  llvm::SmallVector<Buffer> buffers; ///< one per operand of the launch
  /// Units of a launch, from the extents of its operands.
  std::function<Work(Emit &, llvm::ArrayRef<Extents>)> work;
  /// Whether it may report an index.
  bool canFail = false;
  /// Bytes of scratch memory that a launch needs for each worker; may be unset.
  std::function<Ix(Emit &, llvm::ArrayRef<Extents>)> scratchBytes;

  unsigned numInputs() { return source.getNumArguments(); }
  unsigned bufferOf(mlir::BlockArgument arg) { return arg.getArgNumber(); }
  unsigned resultBuffer(unsigned result) { return numInputs() + result; }
  mlir::OperandRange results() {
    return source.getBody().front().getTerminator()->getOperands();
  }
  /// Where an extent of a value of the kernel comes from.
  ExtentRef extentOf(mlir::Value v, unsigned axis);
  /// A start that is data, moved to where a part of this extent fits.
  Ix startOf(mlir::Value start, Ix whole, Ix part);
  /// The number of lanes in which this element type fills a register.
  int64_t lanesOf(mlir::Type element) {
    return options.vectorBits / 8 / e.bytesOf(element);
  }
  /// Lanes for a loop over all element types of the kernel.
  int64_t commonLanes();
  /// Whether partial vectors are worth a copy of the loop's body.
  bool peels();
  /// How many pointwise operations the kernel does for each element.
  int64_t numPointwise();
  /// The address of this worker's scratch memory.
  mlir::Value scratch();
  /// Reports `value` outside of `extent`; the first report of a call stays.
  void reportIndex(mlir::Value value, mlir::Value extent);

private:
  std::optional<ExtentRef> findExtent(mlir::Value v, unsigned axis);
  void bindBuffers();
  bool failed = false;
};

/// The parts of a reduction: its value of no element, two values combined, the
/// lanes of a vector combined as halves, and a sum that may be empty (+0).
struct Combiner {
  enum Kind { sum, max, min } kind;
  mlir::Type element;

  static Combiner of(mlir::Operation *op);
  mlir::Value identity(Emit &e, int64_t lanes) const;
  mlir::Value combine(Emit &e, mlir::Value a, mlir::Value b) const;
  mlir::Value fold(Emit &e, mlir::Value v) const;
  mlir::Value orEmpty(Emit &e, Ix extent, mlir::Value v) const;
};

/// In a strict reduction: elements of a block, lanes that elements go round.
inline constexpr int64_t kReductionBlock = 4096;
inline constexpr int64_t kReductionLanes = 16;

/// One for each kind of kernel (see the pass `fuse`).
llvm::LogicalResult emitPointwise(Kernel &k);
llvm::LogicalResult emitReduction(Kernel &k);
llvm::LogicalResult emitArgmax(Kernel &k);
llvm::LogicalResult emitMatmul(Kernel &k);
llvm::LogicalResult emitConvolution(Kernel &k);
llvm::LogicalResult emitWindow(Kernel &k);
llvm::LogicalResult emitIndexed(Kernel &k);
llvm::LogicalResult emitScan(Kernel &k);

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_KERNEL_H

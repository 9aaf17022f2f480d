//===- Kernel.h - A kernel for CUDA under construction -----------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel becomes one or more stages, each a function
//
//   __global__ void kernel(slots..., error, site, scratch)
//
// of 8-byte arguments: what `slots` lists, then the call's error, the number of
// the operation (for errors), and scratch memory. The stages of a launch run in
// order, with the same arguments.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_KERNEL_H
#define ETCH_COMPILER_TARGET_CUDA_KERNEL_H

#include "compiler/Target/Kernel/Combiner.h"
#include "compiler/Target/Kernel/KernelBody.h"

#include <functional>

namespace etch::cuda {

using namespace kernel;

/// A number that depends on the extents of a launch's operands.
using OfShapes = std::function<Ix(Emit &, llvm::ArrayRef<Extents>)>;

/// One grid of a launch.
struct Stage {
  mlir::LLVM::LLVMFuncOp function;
  int64_t threads = 0; ///< of a block
  OfShapes blocks;
};

class Kernel : public KernelBody {
public:
  /// Functions go to the end of `device`.
  Kernel(mlir::func::FuncOp source, mlir::ModuleOp device)
      : KernelBody(source), device(device) {}

  /// Emits the stages. Fails with a diagnostic.
  llvm::LogicalResult emit();

  llvm::SmallVector<Stage, 1> stages;
  /// Whether it may report an index.
  bool canFail = false;
  /// Whether it checks what another one has made (see Check.cpp).
  bool isCheck = false;
  /// What the program agrees to (etch_precision_t); whether that is used.
  int32_t precision = 0;
  bool usesTensorCores = false;
  /// Bytes of scratch memory of a launch; unset: none.
  OfShapes scratchBytes;

  /// Begins a stage: argument values and buffers are those of its function.
  /// What `write` emits runs in every thread.
  void stage(int64_t threads, OfShapes blocks,
             llvm::function_ref<void()> write);
  /// A stage with one thread for each of `count` units, which are known from
  /// the extents. `write` runs for units in range.
  void forEach(OfShapes count, llvm::function_ref<void(Ix)> write);
  /// A reference to extents as a number of a launch.
  static OfShapes product(llvm::ArrayRef<ExtentRef> refs);

  Ix thread() { return builtin("etch_thread"); }
  Ix block() { return builtin("etch_block"); }
  void barrier();
  /// The same for the 16 or 32 threads around this one.
  void syncWarp(int64_t threads);
  /// The value of the thread so many further of its sixteen.
  mlir::Value fromLaneBehind(mlir::Value v, int64_t distance);
  /// Memory that the threads of a block share.
  mlir::Value shared(mlir::Type element, int64_t count);
  mlir::Value scratch() { return scratchArgument; }
  /// Reports `value` outside of `extent`; the first report of a call stays.
  void reportIndex(mlir::Value value, mlir::Value extent);
  /// A failure; `more` writes the rest of it. The first one of a call stays.
  void report(int32_t code, mlir::Value value, mlir::Value extent,
              llvm::function_ref<void(mlir::Value error)> more);
  /// An element of type `element` at base[index].
  mlir::Value load(mlir::Value base, Ix index, mlir::Type element) {
    return e.load(e.at(base, index, element), 0, element, Lanes());
  }
  /// `element`: as it is stored, if not as it is.
  void store(mlir::Value v, mlir::Value base, Ix index,
             mlir::Type element = mlir::Type()) {
    e.store(v, e.at(base, index, element ? element : v.getType()), Lanes(),
            element);
  }
  void fail() { failed = true; }
  bool hasFailed() const { return failed; }
  /// Its code is written where `outer` is, as a part of that one's last stage.
  void writeWithin(Kernel &outer);

private:
  Ix builtin(llvm::StringRef name);

  mlir::ModuleOp device;
  mlir::Value scratchArgument, errorArgument, siteArgument;
};

/// In the name of a check's function, in front of what it checks; the upper
/// half of its number of the operation is that of the function's grid, from 1
/// on.
inline constexpr const char *kCheckMark = "_check_";

/// Threads of a block where nothing else decides.
inline constexpr int64_t kThreads = 256;

/// One for each kind of kernel (see the pass `fuse`).
llvm::LogicalResult emitPointwise(Kernel &k);
llvm::LogicalResult emitReduction(Kernel &k);
llvm::LogicalResult emitArgmax(Kernel &k);
llvm::LogicalResult emitMatmul(Kernel &k);
llvm::LogicalResult emitConvolution(Kernel &k);
llvm::LogicalResult emitWindow(Kernel &k);
llvm::LogicalResult emitIndexed(Kernel &k);
llvm::LogicalResult emitScan(Kernel &k);
llvm::LogicalResult emitCheck(Kernel &k);
/// One of several stages (see Stages.h).
llvm::LogicalResult emitRows(Kernel &k);
/// The same for several shapes (see Join.h).
llvm::LogicalResult emitJoined(Kernel &k);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_KERNEL_H

//===- Kernel.h - A kernel under construction --------------------*- C++
//-*-===//
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
#include "compiler/Target/Kernel/Combiner.h"
#include "compiler/Target/Kernel/KernelBody.h"

#include <functional>

namespace etch::cpu {

using namespace kernel;

/// The first slots of every closure.
enum ClosureHeader : int64_t {
  kScratchSlot,      ///< scratch memory of worker 0
  kScratchBytesSlot, ///< distance to the next worker's
  kErrorSlot,        ///< the call's etch_error_t
  kSiteSlot,         ///< number of the operation in the program
  kEntrySlot,        ///< the kernel itself, for the task that pool threads run
  kTilesSlot,        ///< 1: tile registers may be used; for kernels that do
  kSeveralSlot,      ///< 1: there are several workers; for kernels that ask
  kFirstSlot,
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

class Kernel;

/// How an operand is packed that a kernel would rather read so: see Prepack.h.
struct Packing {
  unsigned operand = 0;
  llvm::StringLiteral form = ""; ///< of a kernel that can read several
  int64_t bytes = 0;
  Ix units = 1, grain = 1;     ///< of packing all of it…
  Ix cost = kParallelCost - 1; ///< …and what that takes
  std::function<void(Kernel &, Ix unit, const Buffer &from, mlir::Value to)>
      emit;
};

class Kernel : public KernelBody {
public:
  Kernel(mlir::func::FuncOp source, const CodegenOptions &options);

  /// Emits the function next to its source. Fails with a diagnostic.
  llvm::LogicalResult emit();

  const CodegenOptions &options;
  mlir::LLVM::LLVMFuncOp function;
  mlir::Value closure, begin, end, worker;
  /// Units of a launch, from the extents of its operands.
  std::function<Work(Emit &, llvm::ArrayRef<Extents>)> work;
  /// Whether it may report an index.
  bool canFail = false;
  /// Whether it asks for tile registers, and whether there are several workers.
  bool usesTiles = false, asksWorkers = false;
  /// The latter at a launch, for `work`: an i1.
  mlir::Value several;
  /// Bytes of scratch memory that a launch needs for each worker; may be unset.
  std::function<Ix(Emit &, llvm::ArrayRef<Extents>)> scratchBytes;

  /// The packed form of argument `operand`, if it is there: see Prepack.h.
  const Buffer *packed(unsigned operand, llvm::StringRef form = "");
  /// Whether it is, for those that may then decide not to read it.
  bool hasPacked(unsigned operand, llvm::StringRef form = "");
  void offer(Packing packing) { offers.push_back(std::move(packing)); }
  llvm::SmallVector<Packing, 1> offers;
  llvm::SmallVector<unsigned, 1> packedRead; ///< arguments
  /// Of the kernel of an etch.pack.
  const Packing *packing = nullptr;

  /// Of a stage: results of the whole that no other stage reads, for each
  /// result; and how far ahead of what is read to fetch, for each operand.
  llvm::SmallVector<bool> isLast;
  llvm::SmallVector<int64_t> fetchAhead;
  /// Of a stage: elements of a row, none of which two units of work share.
  int64_t rowElements = 0;
  bool isStage() const { return !isLast.empty(); }
  /// Whether results may go past the caches.
  bool streams = false;
  /// Whether loops being emitted fetch what they read from memory.
  bool fetches = false;

  /// The number of lanes in which this element type fills a register.
  int64_t lanesOf(mlir::Type element) {
    return options.vectorBits / 8 / e.bytesOf(element);
  }
  /// Lanes for a loop over all element types of the kernel.
  int64_t commonLanes();
  /// The same for all that it reads and writes: what it computes in between may
  /// take several registers.
  int64_t memoryLanes();
  /// Whether partial vectors are worth a copy of the loop's body.
  bool peels();
  /// Waits until what went past the caches is seen by other cores.
  void emitFence();
  /// The address of this worker's scratch memory.
  mlir::Value scratch();
  /// Reports `value` outside of `extent`; the first report of a call stays.
  void reportIndex(mlir::Value value, mlir::Value extent);
  /// The same with any code (etch_status_t); `more` writes into the error.
  void report(int32_t code, mlir::Value value, mlir::Value extent,
              llvm::function_ref<void(mlir::Value error)> more);
};

/// A long body is a chain of operations each of which waits for the one before:
/// vectors of two registers are two chains side by side, those of four four
/// (fewer where values on the way are wider than what is read and written: they
/// take that many registers each). As many as leave no large part of the last
/// vector empty.
int64_t chainsOf(Kernel &k, Ix inner, int64_t lanes);

/// Emits loops over n elements, twice if these results may be stored past the
/// caches: with them, and where that is decided against at run time. A result
/// in the place of an argument is in the cache already.
void emitStreamed(Kernel &k, llvm::ArrayRef<unsigned> results, Ix n,
                  int64_t lanes, llvm::function_ref<void()> loops);

/// Whether most of a row that is not whole vectors, and so begins anywhere in a
/// line of memory, is whole lines: those may be stored past the caches. Not of
/// bodies too large to be there for the row's ends once more.
bool hasLines(Kernel &k, Ix row, int64_t lanes);

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
llvm::LogicalResult emitStages(Kernel &k);

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_KERNEL_H

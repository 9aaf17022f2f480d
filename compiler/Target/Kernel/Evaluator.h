//===- Evaluator.h - Values of a kernel at a point of its loops --*- C++ -*-==//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Demand-driven: asked for a value at a point, it loads the arguments that the
// value needs (views are other strides, and a fill where something is placed in
// a larger shape) and emits the scalar bodies of the ops in between, on scalars
// or on vectors along one loop dimension.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_KERNEL_EVALUATOR_H
#define ETCH_COMPILER_TARGET_KERNEL_EVALUATOR_H

#include "compiler/Target/Kernel/KernelBody.h"

namespace etch::kernel {

class Evaluator {
public:
  /// A loop space. Values have one axis for each entry of `level`: the loop
  /// dimension that runs along it.
  Evaluator(KernelBody &kernel, llvm::ArrayRef<Ix> extents,
            llvm::ArrayRef<int> level)
      : k(kernel), extents(extents), level(level) {
    for (size_t dim = 0; dim < extents.size(); ++dim)
      firstAxis.push_back(int(dim));
  }

  // 1. What is read and written.
  /// Notes all reads that v needs. Fails on what a kernel may not hold.
  llvm::LogicalResult read(mlir::Value v);
  /// A value that is given rather than computed: it needs no reads.
  void declare(mlir::Value v) { given.insert(v); }
  /// Notes what v needs, and that store() puts v into that buffer.
  llvm::LogicalResult write(mlir::Value v, unsigned buffer);
  /// The same of all results of the kernel; `made` is given, if there is one.
  llvm::LogicalResult writeResults(mlir::Value made = {});

  // 2. Merge dimensions that all accesses walk as one; drop those of extent 1.
  // The first `keep` stay.
  void collapse(int keep = 0);
  llvm::ArrayRef<Ix> loopExtents() const { return extents; }
  int rank() const { return int(extents.size()); }
  /// How many of the original dimensions the outermost loop is made of.
  int outermostAxes() const { return firstAxis[1]; }

  /// Where the original dimensions begin that the last loop is made of.
  int lastAxes() const { return firstAxis.back(); }

  /// Before a vector of `count` along the last loop from a multiple of it: what
  /// moves whole, should the buffers begin at an aligned address. Returns
  /// those.
  llvm::SmallVector<mlir::Value> alignVectors(int64_t count);

  /// The original dimensions [first, second) that a loop is made of; there are
  /// `rank` of them. Some of extent 1 may be among them.
  std::pair<size_t, size_t> axesOf(int dim, size_t rank) const {
    return {size_t(firstAxis[dim]), dim + 1 < int(firstAxis.size())
                                        ? size_t(firstAxis[dim + 1])
                                        : rank};
  }
  /// Reads that walk their memory along `dim` while the last loop jumps.
  llvm::SmallVector<mlir::Value> transposedReads(int dim) const;

  /// A loop along which some read walks its memory while the last loop jumps
  /// (a transposed operand); -1 if there is none.
  int transposedDim() const;

  // 3. Code.
  /// Fixes all loop indices but that of `vectorDim`, at the insertion point.
  void enter(llvm::ArrayRef<Ix> indices, int vectorDim);
  /// How many elements behind a line of memory the results' row of n elements
  /// begins that enter() fixed; they are dense, the first begins at one. Where
  /// it ends, the line is fetched: parts of it are stored.
  Ix behindLine(Ix n);
  /// Starts a point: forgets the values of the last one.
  void point(Ix index, Lanes lanes);
  void give(mlir::Value v, mlir::Value emitted) { memo[v] = emitted; }
  mlir::Value get(mlir::Value v);
  /// What write() was told. All reads of a point come before its writes: a
  /// result may stand in the place of an argument.
  void store() { store(made()); }
  /// The same in two steps: other points may come in between.
  llvm::SmallVector<mlir::Value> made();
  void store(llvm::ArrayRef<mlir::Value> made);
  /// All of that at a point without vectors, where v is given.
  void storeAt(llvm::ArrayRef<Ix> indices, mlir::Value v, mlir::Value emitted);

private:
  /// The index along one axis of a value: start + step * (index of a loop).
  struct Along {
    int dim = -1; ///< -1: the start alone
    int64_t step = 1;
    Ix start = 0;
  };
  /// Inside while 0 <= along < extent.
  struct Guard {
    Along along;
    Ix extent;
  };
  /// What `place` does: the fill wherever a guard fails.
  struct Frame {
    llvm::SmallVector<Guard, 2> guards;
    double fill = 0;
    mlir::Value inside; ///< as far as enter() can tell; null: yes
  };
  struct Access {
    const Buffer *buffer; ///< without a pointer: its own offsets are the values
    llvm::SmallVector<int, 4> axis;   ///< of the buffer, per loop dim; or -1
    llvm::SmallVector<Ix, 4> strides; ///< per loop dim
    Ix offset = 0;                    ///< of the first element
    bool whole = true;                ///< no part of the buffer
    bool aligned = false;             ///< vectors begin at multiples of them
    std::vector<Frame> frames;        ///< the outermost first
    mlir::TypedAttr constant;         ///< in place of the buffer
    Ix position;                      ///< for the indices of enter()
    mlir::Value address;              ///< the same in memory
    mlir::Value invariant;            ///< loaded by enter()
    mlir::Value safe; ///< where to read instead of outside of the frames
  };

  Access makeAccess(const Buffer &buffer, llvm::ArrayRef<Along> axes);
  llvm::LogicalResult readView(mlir::Value v);
  bool mergeable(const Access &a, int dim) const;
  void dropDim(int dim);
  void enter(Access &a, llvm::ArrayRef<Ix> indices, bool load);
  mlir::Value holds(const Guard &guard, Ix index);
  mlir::Value holdsInLanes(const Guard &guard);
  mlir::Value framed(Access &a, mlir::Value inner,
                     llvm::ArrayRef<mlir::Value> inside);
  mlir::Value load(Access &a);
  void store(Access &a, mlir::Value emitted);
  mlir::Value constantOf(mlir::TypedAttr attr);
  mlir::Value contract(mlir::Operation *op, MulOp product);

  KernelBody &k;
  llvm::SmallVector<Ix, 4> extents;
  llvm::SmallVector<int, 4> level;
  llvm::SmallVector<int, 4> firstAxis; ///< per loop dim: where it began
  std::vector<Access> accesses, writes;
  llvm::SmallVector<mlir::Value> written;        ///< one for each of `writes`
  std::vector<std::unique_ptr<Buffer>> counters; ///< of iota
  llvm::DenseMap<mlir::Value, unsigned> readOf;
  llvm::DenseSet<mlir::Value> given;
  llvm::DenseSet<mlir::Value> seen;
  llvm::DenseMap<mlir::Value, mlir::TypedAttr> constants;
  llvm::DenseMap<mlir::Value, mlir::Value> memo;
  int vectorDim = -1;
  Ix index;
  Lanes lanes;
};

} // namespace etch::kernel

#endif // ETCH_COMPILER_TARGET_KERNEL_EVALUATOR_H

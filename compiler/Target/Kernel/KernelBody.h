//===- KernelBody.h - What a kernel works on ---------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel is described by a function of etch ops. This is the part of its code
// that no target differs in: operands of the launch as pointers, extents and
// strides, and what the function says of its values.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_KERNEL_KERNELBODY_H
#define ETCH_COMPILER_TARGET_KERNEL_KERNELBODY_H

#include "compiler/Target/Kernel/Emit.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace etch::kernel {

/// Of an argument or result of a kernel: the element type that its memory has,
/// bf16 of values that are f32.
inline constexpr llvm::StringLiteral kStoredAttr = "etch.stored";

/// Lets kernels say so that widen arguments and narrow results (see
/// etch-narrow).
void takeStored(mlir::ModuleOp module);

/// What a launch puts into one of the further slots.
struct Slot {
  enum Kind { pointer, extent, stride, index } kind;
  unsigned operand; ///< of the launch: ins, then outs
  unsigned axis;
};

/// An operand of the launch as the kernel sees it.
struct Buffer {
  mlir::Value pointer; ///< null for an index operand
  mlir::Type element;  ///< as it is stored
  llvm::SmallVector<Ix, 4> extents, strides;
  bool dense = true;
  int64_t ahead = 0; ///< bytes in front of what is read that are fetched
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

/// The kernel under construction, with the builder that writes it.
class KernelBody {
public:
  explicit KernelBody(mlir::func::FuncOp source);

  mlir::func::FuncOp source;
  Emit e;
  llvm::SmallVector<Slot> slots;
  llvm::SmallVector<Buffer> buffers; ///< one per operand of the launch

  unsigned numInputs() { return source.getNumArguments(); }
  unsigned bufferOf(mlir::BlockArgument arg) { return arg.getArgNumber(); }
  unsigned resultBuffer(unsigned result) { return numInputs() + result; }
  mlir::OperandRange results() {
    return source.getBody().front().getTerminator()->getOperands();
  }
  /// The buffer of an operand, which is an argument; null otherwise.
  const Buffer *argumentBuffer(mlir::Value operand);
  /// Where an extent of a value of the kernel comes from.
  ExtentRef extentOf(mlir::Value v, unsigned axis);
  /// A start that is data, moved to where a part of this extent fits.
  Ix startOf(mlir::Value start, Ix whole, Ix part);
  /// How many pointwise operations the kernel does for each element.
  int64_t numPointwise();
  /// Whether what it does for each element takes long: exp and the like.
  bool isLong();

protected:
  /// Lists slots and buffers; `fetch` gives the value of the last slot.
  void bindBuffers(llvm::function_ref<mlir::Value(mlir::Type)> fetch);
  bool failed = false;

private:
  std::optional<ExtentRef> findExtent(mlir::Value v, unsigned axis);
};

} // namespace etch::kernel

#endif // ETCH_COMPILER_TARGET_KERNEL_KERNELBODY_H

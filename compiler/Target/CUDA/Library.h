//===- Library.h - What a library may do of a kernel ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_LIBRARY_H
#define ETCH_COMPILER_TARGET_CUDA_LIBRARY_H

#include "compiler/Target/CUDA/Windows.h"

#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"
#include "etch/operations.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>

namespace etch::cuda {

/// A matrix operand of a kernel: an argument, with its axes in another order.
struct MatrixOperand {
  unsigned argument = 0;
  llvm::SmallVector<int64_t, 3> axes; ///< of the argument, for ours
};

/// A product or a convolution with what follows it in its kernel.
struct LibraryWork {
  mlir::Operation *op = nullptr;
  MatrixOperand left, right; ///< of products
  ImageForm images;          ///< of convolutions
  int bias = -1;             ///< an argument; -1: none
  etch_activation_t activation = ETCH_NO_ACTIVATION;
  /// Of ETCH_RELU_GRAD: the argument that is positive where relu's was.
  int mask = -1;
  /// Whether all of the kernel is said by that. What a library does of another
  /// one is `op` alone; a kernel of the rest follows.
  bool whole = false;

  bool isProduct() const { return mlir::isa<MatmulOp>(op); }
  /// What the library makes, as it lies in memory.
  mlir::Value made() const { return isProduct() ? op->getResult(0) : images.y; }
};

/// Nothing for kernels that no library knows.
std::optional<LibraryWork> findLibraryWork(mlir::func::FuncOp kernel);

/// Whether a kernel of the rest can follow it: one whose only results are as
/// large as the library's.
bool canHaveRest(const LibraryWork &work);

/// The kernel without `op`, whose result becomes a further argument. Stands
/// behind the kernel.
mlir::func::FuncOp makeRest(mlir::func::FuncOp kernel, mlir::Operation *op);

/// The argument that v repeats along all axes but `axis`; -1: it does not.
int biasOf(mlir::Value v, int64_t axis);

/// Whether a kernel sums the rows of a matrix and does nothing else.
bool isColumnSum(mlir::func::FuncOp kernel);

/// The launch in front of or behind this one with nothing done between them.
device::LaunchOp beside(device::LaunchOp op, bool after);

/// Whether two buffers begin at the same place for certain.
bool beginTogether(mlir::Value a, mlir::Value b);

/// A launch that sums the columns of a matrix and may as well run with `op`,
/// behind or in front of which it stands: what is in between neither reads or
/// writes its result nor writes what it reads.
device::LaunchOp sumBeside(device::LaunchOp op, mlir::Value summed, bool after,
                           llvm::function_ref<bool(device::LaunchOp)> isSum);

/// etch_dtype_t of types that libraries know; 0 for others.
int32_t libraryType(mlir::Type element);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_LIBRARY_H

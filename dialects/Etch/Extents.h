//===- Extents.h - where the extents of results come from --------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DIALECTS_ETCH_EXTENTS_H
#define ETCH_DIALECTS_ETCH_EXTENTS_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

#include <optional>

namespace etch {

/// On an argument of a function: a number for each axis; axes of equal numbers,
/// other than -1, have equal extents.
inline constexpr llvm::StringLiteral kExtentsAttr = "etch.extents";

/// On such an argument: the extents that a call had.
inline constexpr llvm::StringLiteral kTracedAttr = "etch.traced";

/// One extent in terms of an op's operands: axis `axis` of the tensor `value`,
/// or the index `value` itself when `axis` is -1.
struct ExtentSource {
  mlir::Value value;
  int64_t axis;
};

/// Which extent of an operand axis `axis` of this result equals. Nothing when
/// the value is no result of an op of the dialect or its extents are computed.
std::optional<ExtentSource> sourceOfExtent(mlir::Value result, int64_t axis);

/// Follows sourceOfExtent as far as it leads and remembers the way, so that
/// asking for all extents of a program takes linear time.
class ExtentResolver {
public:
  /// The end of the way: a tensor's axis that no op explains, or an index.
  ExtentSource resolve(mlir::Value value, int64_t axis);

  /// Puts the end of the way in the place of an extent that is asked of a
  /// result, so that no op lives on for its shape alone and equal extents are
  /// one. Whether that was not where it stood already.
  bool replace(mlir::OpBuilder &b, mlir::tensor::DimOp dim);

private:
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, ExtentSource> known;
};

/// What an extent that nobody knows yet is taken for, if no call was seen.
inline constexpr int64_t guessedExtent = 64;

/// Sizes for those who must choose before the extents are known: arguments have
/// guessed ones, all others follow from these.
class ExtentGuess {
public:
  int64_t of(mlir::Value tensor, int64_t axis);
  int64_t elementsOf(mlir::Value tensor);
  int64_t bytesOf(mlir::Value tensor);
  /// Of arithmetic on extents.
  int64_t ofIndex(mlir::Value index);

private:
  ExtentResolver resolver;
  llvm::DenseMap<mlir::Value, int64_t> indices;
};

} // namespace etch

#endif // ETCH_DIALECTS_ETCH_EXTENTS_H

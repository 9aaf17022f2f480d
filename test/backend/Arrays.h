//===- Arrays.h - Values of the interpreter ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_TEST_BACKEND_ARRAYS_H
#define ETCH_TEST_BACKEND_ARRAYS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

#include <bit>
#include <cstring>

namespace etch::backend {

/// A number of any element type: its bits, above them zeros.
using Bits = uint64_t;

template <class T> T as(Bits bits) {
  T x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
template <class T> Bits bitsOf(T x) {
  Bits bits = 0;
  std::memcpy(&bits, &x, sizeof x);
  return bits;
}
/// Calls f with a T{} of the C++ type of an element type.
template <class F> auto dispatch(mlir::Type type, F &&f) {
  if (type.isF32())
    return f(float{});
  if (type.isF64())
    return f(double{});
  if (type.isInteger(32))
    return f(int32_t{});
  if (type.isInteger(64) || type.isIndex())
    return f(int64_t{});
  return f(bool{});
}
inline size_t bytesOf(mlir::Type type) {
  return dispatch(type, [](auto z) { return sizeof z; });
}

/// A tensor inside a kernel, dense.
struct Array {
  mlir::Type element;
  llvm::SmallVector<int64_t> shape;
  std::vector<Bits> values;

  Array() = default;
  explicit Array(mlir::Type type)
      : element(mlir::getElementTypeOrSelf(type)),
        shape(llvm::cast<mlir::ShapedType>(type).getShape()),
        values(size_t(llvm::cast<mlir::ShapedType>(type).getNumElements())) {}
};

/// Runs the body of a pointwise op, in the ops that it has emitted, on scalars.
/// `error` names an op that is unknown here.
Bits evaluateScalar(mlir::Block &body, mlir::Value result,
                    llvm::ArrayRef<Bits> args, std::string &error);

/// The results of a kernel, a function of etch ops on tensors.
std::vector<Array> evaluateKernel(mlir::func::FuncOp kernel,
                                  std::vector<Array> args, std::string &error);

} // namespace etch::backend

#endif // ETCH_TEST_BACKEND_ARRAYS_H

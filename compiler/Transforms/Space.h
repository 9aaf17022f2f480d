//===- Space.h - loop spaces and values seen in them ---------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_SPACE_H
#define ETCH_COMPILER_TRANSFORMS_SPACE_H

#include "dialects/Etch/Extents.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

namespace etch {

/// An extent as a product of a number and of symbols.
struct Product {
  int64_t known = 1;
  /// Sorted. An axis of a tensor, or an index (axis -1).
  llvm::SmallVector<std::pair<const void *, int64_t>, 1> symbols;

  bool isOne() const { return known == 1 && symbols.empty(); }
  bool divides(const Product &other) const;
  Product &operator*=(const Product &other);
  bool operator==(const Product &) const = default;
};

/// The extents of a loop nest.
using Space = llvm::SmallVector<Product, 4>;

/// Looks at values as if they had another shape of as many elements in the same
/// row-major order, where views of dense values can say that.
class SpaceMap {
public:
  explicit SpaceMap(mlir::func::FuncOp main) : main(main) {}

  /// Learns from a pointwise op that its operands have equal extents.
  void learnFrom(mlir::Operation *op);

  Space spaceOf(mlir::Value tensor);

  /// Whether `express` would succeed.
  bool canExpress(mlir::Value x, const Space &space) {
    return bool(view(x, space, nullptr));
  }

  /// A value that shows x in this shape: x, views of dense values, reshapes of
  /// dense values. A new reshape takes what stands for a dense value in
  /// `values`, and stands for itself. New views go to `temporaries`.
  struct Builder {
    mlir::OpBuilder &b;
    mlir::Location loc;
    mlir::IRMapping &values;
    llvm::SmallVectorImpl<mlir::Operation *> &temporaries;
    /// The reshapes so far, by dense value and static type.
    llvm::DenseMap<std::pair<mlir::Value, mlir::Type>, mlir::Value> &reshapes;
  };
  mlir::Value express(mlir::Value x, const Space &space, Builder &builder) {
    return view(x, space, &builder);
  }

  /// The type with the space's shape and x's element type.
  static mlir::RankedTensorType typeOf(mlir::Value x, const Space &space);
  /// The symbolic extents of a space as index values; those of a type of this
  /// shape, which may leave open what the space knows.
  llvm::SmallVector<mlir::Value> extentValues(const Space &space,
                                              Builder &builder,
                                              mlir::RankedTensorType type = {});
  /// Whether x has a buffer of its own, or can have one, in row-major order.
  bool isDense(mlir::Value x);

private:
  mlir::Value view(mlir::Value x, const Space &space, Builder *builder);
  mlir::Value viewOfDense(mlir::Value x, const Space &space, Builder *builder);
  mlir::Value viewOfStrided(mlir::Value x, const Space &from,
                            const Space &space, Builder *builder);
  mlir::Value viewOfBroadcast(mlir::Value x, const Space &from,
                              const Space &space, Builder *builder);
  mlir::Value viewOfTranspose(mlir::Value x, const Space &from,
                              const Space &space, Builder *builder);
  mlir::Value viewOfPart(mlir::Value x, const Space &from, const Space &space,
                         Builder *builder);
  mlir::Value broadcast(mlir::Value x, const Space &space, Builder &builder);
  mlir::Value transpose(mlir::Value x, llvm::ArrayRef<int64_t> permutation,
                        Builder &builder);
  Product productOf(ExtentSource source);
  void addSymbol(Product &product, mlir::Value value, int64_t axis);

  mlir::func::FuncOp main;
  ExtentResolver resolver;
  /// What a symbol is known to equal.
  llvm::DenseMap<std::pair<const void *, int64_t>, Product> equal;
};

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_SPACE_H

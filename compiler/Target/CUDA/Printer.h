//===- Printer.h - Code of kernels as CUDA C++ -------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels are built as functions of scalar and short-vector operations (see
// Target/Kernel/Emit.h); the printer writes them as C++ that needs no header
// but our prelude. A value is a constant of its function, a vector is its
// lanes, and integers are unsigned: they wrap around.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_PRINTER_H
#define ETCH_COMPILER_TARGET_CUDA_PRINTER_H

#include "compiler/Target/CUDA/Ranges.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <string>

namespace etch::cuda {

/// Marks memory of a function's frame that the threads of a block share.
inline constexpr llvm::StringLiteral kSharedAttr = "etch.shared";

/// Of a function: how many of its blocks a processor is to hold at least, which
/// bounds its registers.
inline constexpr llvm::StringLiteral kBlocksPerProcessorAttr =
    "etch.blocks_per_processor";

/// Of a function: numbers of its arguments that point to memory which it does
/// not write.
inline constexpr llvm::StringLiteral kRestrictAttr = "etch.restrict";

class Printer {
public:
  explicit Printer(llvm::raw_ostream &os) : os(os) {}

  /// Prints the function with this in front: "__global__ void
  /// __launch_bounds__(256)". Fails, with a diagnostic, on an operation that
  /// has no text.
  llvm::LogicalResult print(mlir::LLVM::LLVMFuncOp function,
                            llvm::StringRef prefix);

  /// "float", "u64", "u8 *".
  static std::string typeName(mlir::Type type);

private:
  using Lanes = llvm::SmallVector<std::string, 1>;

  llvm::LogicalResult region(mlir::Region &region);
  llvm::LogicalResult operation(mlir::Operation &op);
  llvm::LogicalResult arithmetic(mlir::Operation &op);
  llvm::LogicalResult memory(mlir::Operation &op);
  llvm::LogicalResult control(mlir::Operation &op);
  llvm::LogicalResult lanewise(mlir::Operation &op);
  /// The text of one lane of an elementwise operation; empty: not one.
  std::string scalar(mlir::Operation &op, llvm::ArrayRef<std::string> x);

  llvm::raw_ostream &line() { return os.indent(2 * depth); }
  const Lanes &lanesOf(mlir::Value v);
  const std::string &one(mlir::Value v) { return lanesOf(v).front(); }
  /// Declares a value: its text in each lane, or none to assign it later.
  void define(mlir::Value v, llvm::ArrayRef<std::string> texts);
  void declare(mlir::Value v);
  void assign(mlir::ValueRange targets, mlir::ValueRange values);
  std::string freshName(llvm::StringRef stem = "v");
  std::string literal(mlir::Attribute attr);
  bool isNarrow(mlir::Value v) { return ranges && ranges->isNarrow(v); }
  /// The type that a value is declared with. Narrow ones are signed: sums of
  /// them do not wrap, so parts of an address may be added in any order.
  std::string typeOf(mlir::Value v) {
    return isNarrow(v) ? "i32" : typeName(v.getType());
  }
  /// A lane as a number of its own type, or of 32 bits.
  std::string operandText(mlir::Value v, const std::string &lane, bool narrow);
  std::string tableOf(mlir::DenseElementsAttr data);

  llvm::raw_ostream &os;
  std::string tables; ///< constant arrays, printed in front of the function
  llvm::StringRef functionName;
  std::optional<Ranges> ranges;
  int depth = 0, numNames = 0;
  llvm::DenseMap<mlir::Value, Lanes> names;
  llvm::DenseMap<mlir::Attribute, std::string> tableNames;
};

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_PRINTER_H

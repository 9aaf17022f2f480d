//===- EtchDialect.h - The etch dialect --------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DIALECTS_ETCH_ETCHDIALECT_H
#define ETCH_DIALECTS_ETCH_ETCHDIALECT_H

#include "dialects/Etch/OpTable.h"
#include "dialects/Etch/ScalarExpr.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace etch {

class GraphBuilder;

//===----------------------------------------------------------------------===//
// The bridge from MLIR to the op table (RuleBridge.cpp). Op classes delegate to
// it; passes go through DifferentiableOpInterface.
//===----------------------------------------------------------------------===//

/// The table's type of a tensor type of the dialect, and back.
TensorType toTensorType(mlir::Type type);
mlir::RankedTensorType toMLIR(mlir::MLIRContext *context,
                              const TensorType &type);
mlir::Type toMLIR(mlir::MLIRContext *context, DType dtype);

const OpInfo &infoOf(mlir::Operation *op);
/// The attributes in the order of the table.
Attrs attrsOf(const OpInfo &info, mlir::DictionaryAttr attributes);

llvm::LogicalResult inferResultType(llvm::StringRef mnemonic,
                                    std::optional<mlir::Location> loc,
                                    mlir::ValueRange operands,
                                    mlir::DictionaryAttr attributes,
                                    llvm::SmallVectorImpl<mlir::Type> &types);
/// Equal but for extents that only one of them knows.
bool isCompatibleResult(mlir::TypeRange inferred, mlir::TypeRange actual);
llvm::SmallVector<mlir::Value>
buildVjpOf(mlir::Operation *op, mlir::OpBuilder &b, mlir::ValueRange gys);
mlir::Value buildExpansionOf(mlir::Operation *op, mlir::OpBuilder &b);

/// What writes rules (see Expr.h) as ops.
std::unique_ptr<GraphBuilder> makeGraphBuilder(mlir::OpBuilder &b,
                                               mlir::Location loc);

/// A tensor of this type with all elements equal, extents taken from `like`
/// where they are symbolic.
mlir::Value buildSplat(mlir::OpBuilder &b, mlir::Location loc, double value,
                       mlir::Value like);

/// Names of the attributes that a program carries (see DESIGN of the trace).
inline constexpr llvm::StringLiteral kNoGradAttr = "etch.nograd";
inline constexpr llvm::StringLiteral kStateAttr = "etch.state";
inline constexpr llvm::StringLiteral kLiteralAttr = "etch.literal";
inline constexpr llvm::StringLiteral kUpdateAttr = "etch.update";
inline constexpr llvm::StringLiteral kNameAttr = "etch.name";
inline constexpr llvm::StringLiteral kStridedAttr = "etch.strided";
inline constexpr llvm::StringLiteral kKernelAttr = "etch.kernel";
inline constexpr llvm::StringLiteral kProgramAttr = "etch.program";
inline constexpr llvm::StringLiteral kBackwardAttr = "etch.backward";
inline constexpr llvm::StringLiteral kResultAttr = "etch.result";
inline constexpr llvm::StringLiteral kArenaAttr = "etch.arena";
/// Of main's argument: the memory of etch.prepare's results.
inline constexpr llvm::StringLiteral kPreparedAttr = "etch.prepared";
/// Of a literal that etch.prepare reads.
inline constexpr llvm::StringLiteral kPreparesAttr = "etch.prepares";
/// Of a module: how large that memory is.
inline constexpr llvm::StringLiteral kPreparedBytesAttr = "etch.prepared_bytes";
/// Of a kernel's argument: it has the form that etch.pack gives.
inline constexpr llvm::StringLiteral kPackedAttr = "etch.packed";

/// Whether an op runs programs: etch.loop, etch.cond, etch.prepare.
bool isControl(mlir::Operation *op);
/// Whether a function is a program: main, or the region of a loop or branch
/// that has become a function. Others are kernels.
bool isProgram(mlir::Operation *function);

} // namespace etch

#include "dialects/Etch/EtchDialect.h.inc"
#include "dialects/Etch/EtchInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialects/Etch/EtchOps.h.inc"

#endif // ETCH_DIALECTS_ETCH_ETCHDIALECT_H

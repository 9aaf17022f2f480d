//===- HostCode.h - The code around launches --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `main` is a list of launches over buffers. It becomes code of the host that
// reads pointers and extents from the call and launches kernels; loops and
// branches become those of the machine, around the launches of the programs
// that they run. How a kernel is launched, and how memory between launches is
// reached, is the target's.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_HOSTCODE_H
#define ETCH_COMPILER_TARGET_CPU_HOSTCODE_H

#include "compiler/Target/Kernel/KernelBody.h"

#include "dialects/Device/DeviceDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include <optional>

namespace etch::cpu {

using namespace kernel;

/// A buffer as `run` knows it.
struct View {
  mlir::Value pointer;
  Extents extents, strides;
};

class HostCode {
public:
  HostCode(mlir::ModuleOp module, mlir::LLVM::LLVMFuncOp function);
  virtual ~HostCode() = default;

  /// Emits a function's body; `returned` is what it returns, if anything.
  llvm::LogicalResult body(mlir::func::FuncOp source, Ix &returned);
  void setArena(mlir::Value pointer) { arena = pointer; }
  mlir::Value field(int64_t offset, mlir::Type type, unsigned align) {
    return e.loadRaw(type, e.atByte(call, offset), align);
  }

  mlir::ModuleOp module;
  Emit e;
  mlir::LLVM::LLVMFuncOp function;
  mlir::Value call;
  mlir::Value slots; ///< memory for what launches hand over
  /// Only what launches need is measured: nothing is done yet.
  bool measures = true;

protected:
  /// What the target does in its own way.
  virtual llvm::LogicalResult launch(device::LaunchOp op) = 0;
  virtual void copy(mlir::Value to, mlir::Value from, Ix bytes) = 0;
  virtual void clear(mlir::Value at, Ix bytes) = 0;
  virtual Ix readNumber(mlir::Value at) = 0;        ///< an i64
  virtual mlir::Value readFlag(mlir::Value at) = 0; ///< a byte, as an i1
  virtual void writeNumber(Ix number, mlir::Value at) = 0;
  /// Eight bytes of a loop's own.
  virtual mlir::Value cell() = 0;
  virtual mlir::Value constant(mlir::memref::GetGlobalOp op) = 0;
  /// The code of the error so far; null where there can be none.
  virtual mlir::Value errorCode() = 0;
  /// Whether an operation may leave an error that can be asked for cheaply.
  virtual bool mayFail(mlir::Operation &op) { return false; }
  /// Between code that does not always run: slots may have other values.
  void forget() { present.clear(); }

  View &view(mlir::Value buffer);
  Ix index(mlir::Value v) { return indices.lookup(v); }
  /// Of a launch; numbers are views of one extent, that number. Sets e.loc.
  llvm::FailureOr<llvm::SmallVector<View>> operandsOf(device::LaunchOp op,
                                                      const KernelBody &kernel);
  /// What a kernel reads of its operands, into slots of 8 bytes from `first`.
  void fillSlots(const KernelBody &kernel, llvm::ArrayRef<View> operands,
                 int64_t first);
  /// A slot keeps its value from launch to launch of straight code.
  void put(int64_t slot, mlir::Value value);

private:
  void bindArguments(mlir::func::FuncOp source);
  Ix mixed(mlir::OpFoldResult v);
  llvm::LogicalResult operation(mlir::Operation &op);
  llvm::LogicalResult arithmetic(mlir::Operation &op);
  llvm::LogicalResult loop(device::LoopOp op);
  llvm::LogicalResult branch(device::BranchOp op);
  llvm::LogicalResult prepare(device::PrepareOp op);
  llvm::LogicalResult program(mlir::FlatSymbolRefAttr name,
                              llvm::ArrayRef<View> arguments);
  std::optional<Ix> boundOf(device::LoopOp op);
  Ix loopWhile(std::optional<Ix> bound,
               llvm::function_ref<mlir::Value()> condition, Emit::Body body);
  llvm::SmallVector<View> viewsOf(mlir::ValueRange buffers);
  View slice(const View &v, mlir::Value buffer, Ix i);
  void clearRest(const View &v, mlir::Value buffer, Ix done);
  void dense(View &v);

  llvm::DenseMap<mlir::Value, View> views;
  llvm::DenseMap<mlir::Value, Ix> indices;
  /// Offset of the table, index in it.
  llvm::DenseMap<mlir::Value, int64_t> descriptors;
  llvm::DenseMap<int64_t, mlir::Value> present; ///< in the slots
  mlir::Value arena;
};

/// The site that the trace gave an operation; -1 if it has none.
int64_t siteOf(mlir::Location loc);

/// Bytes of the memory that a program's calls keep prepared.
int64_t preparedBytes(mlir::ModuleOp module);

/// An internal function with an empty entry block.
mlir::LLVM::LLVMFuncOp makeFunction(Emit &e, llvm::StringRef name,
                                    mlir::Type result,
                                    llvm::ArrayRef<mlir::Type> params);

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_HOSTCODE_H

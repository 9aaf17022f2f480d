//===- Parts.h - Long programs compile in parts -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels do not know one another, so that a program's may become objects of
// their own, each made by a thread. How a program is cut depends on nothing but
// the program: its code is the same on every machine.
//===----------------------------------------------------------------------===//
#ifndef ETCH_DRIVER_PARTS_H
#define ETCH_DRIVER_PARTS_H

#include "compiler/Driver/Object.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace llvm {
class LLVMContext;
}

namespace etch::driver {

/// Takes kernels out of a program of the LLVM dialect and leaves declarations.
/// Returns modules of a few thousand operations each; none for short programs.
llvm::SmallVector<mlir::OwningOpRef<mlir::ModuleOp>>
takeKernels(mlir::ModuleOp program);

/// Threads that make objects. The thread that finishes helps.
class ObjectMakers {
public:
  explicit ObjectMakers(TargetInfo target);
  ~ObjectMakers();

  /// Translates a module of kernels, in this thread, and has its object made.
  /// False when it cannot be translated.
  bool add(mlir::ModuleOp kernels);
  /// Waits for all objects. Adds up how long `optimise` and `emit` took.
  llvm::Error finish(double &optimise, double &emit);
  /// After `finish`: the objects, in the order of the modules.
  llvm::SmallVector<llvm::StringRef> objects() const;

private:
  struct Job {
    std::unique_ptr<llvm::LLVMContext> context;
    std::unique_ptr<llvm::Module> module;
    llvm::SmallVector<char> object;
    std::vector<PhaseTime> times;
    std::string error;
  };
  bool runOne(bool wait);
  void stop();

  TargetInfo target;
  std::deque<Job> jobs; ///< elements stay where they are
  size_t next = 0;      ///< the first job that nobody has taken
  bool closed = false;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::thread> threads;
};

} // namespace etch::driver

#endif // ETCH_DRIVER_PARTS_H

//===- Compiler.h - Program text to code ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler behind the C entry points and the tools. No function throws;
// failures are diagnostics.
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DRIVER_COMPILER_H
#define ETCH_DRIVER_COMPILER_H

#include "compiler/Driver/Artifact.h"
#include "compiler/Driver/Client/Client.h"
#include "compiler/Pipelines/Phases.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

namespace mlir {
class DialectRegistry;
}

namespace etch::driver {

/// What is compiled, and how.
struct Request {
  llvm::StringRef text;
  llvm::StringRef fileName = "program"; ///< for messages
  CompileOptions options;
  uint64_t programHash = 0;
  /// The text is what the phase before this one left.
  Phase from = Phase::trace;
};

/// Dialects and translations of the whole pipeline.
void registerCompilerDialects(mlir::DialectRegistry &registry);

/// Reads ETCH_FLAGS (MLIR's own options, split as a shell would). An error
/// names the flag.
llvm::Error applyEtchFlags();

/// Shared object for this process, in `out`; exports the query function only.
/// `times`, if wanted, receives the times of its parts.
bool compileLibrary(const Request &request, llvm::SmallVectorImpl<char> &out,
                    std::vector<Diagnostic> &diagnostics,
                    std::vector<PhaseTime> *times = nullptr);

/// What lives where and when, and what is launched, as describePlan() says it.
bool describeProgram(const Request &request, llvm::ArrayRef<int64_t> extents,
                     llvm::SmallVectorImpl<char> &out,
                     std::vector<Diagnostic> &diagnostics);

/// The program's text after a phase: MLIR, or LLVM IR after `codegen`, or the
/// bytes of an object file after `object`.
bool compileToPhase(const Request &request, Phase upTo,
                    llvm::SmallVectorImpl<char> &out,
                    std::vector<Diagnostic> &diagnostics);

/// Writes an exported library and its header (unless that path is empty). On
/// failure both paths are as they were.
bool exportFiles(const Request &request, llvm::StringRef libraryPath,
                 llvm::StringRef headerPath,
                 std::vector<Diagnostic> &diagnostics);

} // namespace etch::driver

#endif // ETCH_DRIVER_COMPILER_H

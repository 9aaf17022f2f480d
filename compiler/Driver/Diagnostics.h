//===- Diagnostics.h - What the compiler says, as data ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_DIAGNOSTICS_H
#define ETCH_DRIVER_DIAGNOSTICS_H

#include "compiler/Driver/Client/Client.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Error.h"

namespace etch::driver {

/// The op of the program that a location stands for: N of `loc("site":N:0)`,
/// looked for in fused, call-site and named locations too; -1 when there is
/// none.
int64_t siteOf(mlir::Location location);

/// While it lives, collects what the context reports instead of printing it.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext *context);

  /// Adds a message from outside MLIR.
  void error(const llvm::Twine &message, int64_t site = -1);
  void error(llvm::Error error);
  void add(const Diagnostic &diagnostic) { messages.push_back(diagnostic); }

  bool hasErrors() const;
  std::vector<Diagnostic> take() { return std::move(messages); }

private:
  void add(mlir::Diagnostic &diagnostic);

  std::vector<Diagnostic> messages;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace etch::driver

#endif // ETCH_DRIVER_DIAGNOSTICS_H

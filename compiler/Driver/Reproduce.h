//===- Reproduce.h - What is kept of a failure of the compiler --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_REPRODUCE_H
#define ETCH_DRIVER_REPRODUCE_H

#include "compiler/Driver/Compiler.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace etch::driver {

/// Whether a message is about an op of the compiler's ("'etch.add' op …"): such
/// messages are for us, not for users.
bool isAboutOps(llvm::StringRef message);

/// Writes the program as it was before a phase failed, how to run that phase
/// alone, and why, into a file. Gives the rest of a message: where the file is,
/// and the command; "" when it cannot be written.
std::string keepReproducer(const Request &request, Phase failed,
                           const llvm::Twine &why);

/// Remembers, on this thread, what is under way, for the case of a crash.
void noteProgress(const Request &request, Phase phase);

/// Runs `body`, which compiles `request`. Should it crash (a signal, an
/// assertion), the process goes on, `diagnostics` says so, a reproducer is kept
/// and the result is false. What the crashed code held is lost.
bool runGuarded(const Request &request, std::vector<Diagnostic> &diagnostics,
                llvm::function_ref<bool()> body);

} // namespace etch::driver

#endif // ETCH_DRIVER_REPRODUCE_H

//===- Dump.h - What the environment asks to see ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_DUMP_H
#define ETCH_DRIVER_DUMP_H

#include "compiler/Driver/Picture.h"
#include "compiler/Pipelines/Phases.h"

#include "mlir/Support/LLVM.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>
#include <string>

namespace mlir {
class PassManager;
}

namespace etch::driver {

/// A file `<ETCH_DUMP>/<name>-<hash>-<NN>-<phase>.<suffix>`; false when
/// ETCH_DUMP is not set.
class Dump {
public:
  Dump(const std::string &name, uint64_t hash, Phase phase);
  explicit operator bool() const { return !stem.empty(); }
  /// The stream; what cannot be written is dropped, with one warning.
  llvm::raw_ostream &open(llvm::StringRef suffix);

private:
  std::string stem;
  std::unique_ptr<llvm::raw_ostream> stream;
};

/// Writes a program that the compiler failed on into ETCH_DUMP or the system's
/// folder for temporary files; the file's path, "" when it cannot be written.
std::string saveReproducer(llvm::StringRef program);

/// What ETCH_FLAGS says of passes to leave out (--etch-without=<names>).
std::string withoutFlag();

/// Applies what ETCH_FLAGS asks of a pass manager. With ETCH_DUMP and
/// --etch-picture=<pass>, pages show the program before and behind that pass.
llvm::LogicalResult prepare(mlir::PassManager &passes, Dump dump,
                            llvm::StringRef program);

} // namespace etch::driver

#endif // ETCH_DRIVER_DUMP_H

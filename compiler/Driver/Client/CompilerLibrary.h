//===- CompilerLibrary.h - libEtchCompiler.so, loaded when needed -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_CLIENT_COMPILERLIBRARY_H
#define ETCH_DRIVER_CLIENT_COMPILERLIBRARY_H

#include "compiler/Driver/Client/Client.h"
#include "compiler/Driver/CompilerAbi.h"

namespace etch::driver {

/// Names the build of the compiler without loading it: path, size and time.
const std::string &compilerIdentity();

/// Names what "native" means on this machine.
const std::string &hostIdentity();

/// Names NVRTC, which compiles for graphics processors: its version, or that
/// there is none.
const std::string &deviceCompilerIdentity();

/// Whether AddressSanitizer shall check generated code (see CompileOptions).
bool wantsSanitizer(const CompileOptions &options);

/// One call of the compiler and what it gave.
class CompilerOutput {
public:
  /// Compiles to memory.
  CompilerOutput(std::string_view text, const CompileOptions &options,
                 uint64_t programHash);
  /// Compiles to files; `headerPath` may be empty.
  CompilerOutput(std::string_view text, const CompileOptions &options,
                 uint64_t programHash, const std::string &libraryPath,
                 const std::string &headerPath);
  /// Describes: bytes() is a text.
  struct Describe {};
  CompilerOutput(Describe, std::string_view text, const CompileOptions &options,
                 const std::vector<int64_t> &extents);
  CompilerOutput(const CompilerOutput &) = delete;
  CompilerOutput &operator=(const CompilerOutput &) = delete;
  ~CompilerOutput();

  std::vector<PhaseTime> phases() const;
  bool ok() const { return succeeded; }
  const void *bytes() const { return result.library; }
  size_t size() const { return size_t(result.library_bytes); }
  /// At least one error when not ok().
  const std::vector<Diagnostic> &diagnostics() const { return messages; }

private:
  void collect(int status);

  bool succeeded = false;
  etch_compile_result_t result = {};
  std::vector<Diagnostic> messages;
};

} // namespace etch::driver

#endif // ETCH_DRIVER_CLIENT_COMPILERLIBRARY_H

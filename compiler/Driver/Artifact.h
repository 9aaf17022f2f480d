//===- Artifact.h - What makes a module an exported library -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_ARTIFACT_H
#define ETCH_DRIVER_ARTIFACT_H

#include "etch/runtime.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace llvm {
class Module;
}

namespace etch::driver {

/// The function through which codegen publishes a module.
inline constexpr llvm::StringLiteral queryName = "etch_query";

/// One argument or result, as in etch_param_t.
struct ArtifactParam {
  std::string name;
  llvm::SmallVector<int64_t> extents; // ETCH_DYNAMIC where unknown
  etch_dtype_t dtype = ETCH_F32;
  etch_role_t role = ETCH_INPUT;
};

/// A program's signature: all arguments, and the results without those that
/// update arguments.
struct ArtifactSignature {
  llvm::SmallVector<ArtifactParam> args, results;
};

/// An error unless `name` can prefix C symbols.
llvm::Error checkArtifactName(llvm::StringRef name);

/// Renames the module's query function to `<name>_query`, adds `<name>_init`,
/// `_free`, `_run`, `_save`, `_load`, `_state`, `_set_host` and `_error`, and
/// hides every other symbol.
llvm::Error addArtifactEntryPoints(llvm::Module &module, llvm::StringRef name);

/// Hides every symbol but the query function.
llvm::Error hideAllButQuery(llvm::Module &module);

/// The C header of an exported library: the contract's text, then the
/// documented functions. It includes nothing but the C library's headers.
std::string artifactHeader(const ArtifactSignature &signature,
                           llvm::StringRef name);

/// Links an object and its parts with what the compiler carries: the library
/// needs libc at most, and every symbol is resolved.
llvm::Error linkArtifact(llvm::StringRef object, llvm::StringRef name,
                         llvm::SmallVectorImpl<char> &out,
                         llvm::ArrayRef<llvm::StringRef> parts = {});

/// Writes both files (`headerPath` may be empty): both or none.
llvm::Error writeArtifact(llvm::StringRef libraryPath, llvm::StringRef library,
                          llvm::StringRef headerPath, llvm::StringRef header);

} // namespace etch::driver

#endif // ETCH_DRIVER_ARTIFACT_H

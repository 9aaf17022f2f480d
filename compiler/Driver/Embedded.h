//===- Embedded.h - Files that the compiler carries -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_EMBEDDED_H
#define ETCH_DRIVER_EMBEDDED_H

#include "llvm/ADT/StringRef.h"

namespace etch::driver {

/// runtime/artifact/artifact.c as an object file.
llvm::StringRef embeddedArtifactObject();
/// Stand-ins for the C library: libc.so.6, libm.so.6.
llvm::StringRef embeddedLibc();
llvm::StringRef embeddedLibm();
/// The text of etch/runtime.h.
llvm::StringRef embeddedRuntimeHeader();

} // namespace etch::driver

#endif // ETCH_DRIVER_EMBEDDED_H

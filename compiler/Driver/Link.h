//===- Link.h - Object bytes to a shared object -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_LINK_H
#define ETCH_DRIVER_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace etch::driver {

/// How a shared object is linked.
struct LinkOptions {
  /// The name that dependents record; empty: none.
  std::string soname;
  /// Every symbol must be found, in the objects or in `libraries`. Without,
  /// what is missing is looked for in the process that loads the object.
  bool closed = false;
  /// Keeps symbols and debug information.
  bool debug = false;
  /// Contents of further objects and of shared libraries to link against.
  llvm::SmallVector<llvm::StringRef, 2> objects, libraries;
};

/// Links with lld inside this process; only symbols of default visibility are
/// exported. Thread-safe (one link at a time). The error's text is lld's.
llvm::Error linkSharedObject(llvm::StringRef object, const LinkOptions &options,
                             llvm::SmallVectorImpl<char> &out);

} // namespace etch::driver

#endif // ETCH_DRIVER_LINK_H

//===- library.h - A library of the vendor, looked up by name ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No header of CUDA is needed: the functions that we use are in one table for
// each library, F(member, exported name, parameters).
//===----------------------------------------------------------------------===//
#ifndef ETCH_RUNTIME_CUDA_LIBRARY_H
#define ETCH_RUNTIME_CUDA_LIBRARY_H

#include <cstddef>
#include <cstdio>
#include <dlfcn.h>
#include <initializer_list>

namespace etch::runtime::cuda {

/// The first of these that is there; else null, with the reason.
inline void *openLibrary(const char *what,
                         std::initializer_list<const char *> names,
                         char (&problem)[256]) {
  size_t at = size_t(snprintf(problem, sizeof problem,
                              "%s is not installed (looked for", what));
  const char *before = " ";
  for (const char *name : names) {
    if (void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
      problem[0] = 0;
      return library;
    }
    if (at < sizeof problem)
      at += size_t(
          snprintf(problem + at, sizeof problem - at, "%s%s", before, name));
    before = ", ";
  }
  if (at < sizeof problem)
    snprintf(problem + at, sizeof problem - at, ")");
  return nullptr;
}

#define ETCH_LIBRARY_MEMBER(member, name, Parameters)                          \
  int(*member) Parameters = nullptr;
/// Needs `library` and `problem`.
#define ETCH_LIBRARY_LOOK_UP(member, name, Parameters)                         \
  member = reinterpret_cast<int(*) Parameters>(dlsym(library, #name));         \
  if (!member && !problem[0])                                                  \
    snprintf(problem, sizeof problem, "it is too old: it has no function %s",  \
             #name);

} // namespace etch::runtime::cuda

#endif // ETCH_RUNTIME_CUDA_LIBRARY_H

//===- Embedded.cpp - Files that the compiler carries ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The build names the files: ETCH_EMBED_ARTIFACT, _LIBC, _LIBM and _HEADER.
//
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Embedded.h"

#define EMBED(symbol, path)                                                    \
  __asm__(".pushsection .rodata.etch_embedded,\"a\",@progbits\n"               \
          ".balign 16\n"                                                       \
          ".local " #symbol "_begin\n"                                         \
          ".local " #symbol "_end\n" #symbol "_begin:\n"                       \
          ".incbin \"" path "\"\n" #symbol "_end:\n"                           \
          ".byte 0\n"                                                          \
          ".popsection\n");                                                    \
  extern "C" __attribute__((visibility("hidden")))                             \
  const char symbol##_begin[];                                                 \
  extern "C" __attribute__((visibility("hidden"))) const char symbol##_end[];

EMBED(etch_embedded_artifact, ETCH_EMBED_ARTIFACT)
EMBED(etch_embedded_libc, ETCH_EMBED_LIBC)
EMBED(etch_embedded_libm, ETCH_EMBED_LIBM)
EMBED(etch_embedded_header, ETCH_EMBED_HEADER)

static llvm::StringRef between(const char *begin, const char *end) {
  return llvm::StringRef(begin, size_t(end - begin));
}

llvm::StringRef etch::driver::embeddedArtifactObject() {
  return between(etch_embedded_artifact_begin, etch_embedded_artifact_end);
}
llvm::StringRef etch::driver::embeddedLibc() {
  return between(etch_embedded_libc_begin, etch_embedded_libc_end);
}
llvm::StringRef etch::driver::embeddedLibm() {
  return between(etch_embedded_libm_begin, etch_embedded_libm_end);
}
llvm::StringRef etch::driver::embeddedRuntimeHeader() {
  return between(etch_embedded_header_begin, etch_embedded_header_end);
}

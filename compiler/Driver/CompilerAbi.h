/*===- CompilerAbi.h - The C entry points of libEtchCompiler.so
------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* What the driver's client finds by name after dlopen. Plain C types only, so
|* that no C++ library version has to match across the border.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_DRIVER_COMPILERABI_H
#define ETCH_DRIVER_COMPILERABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ETCH_COMPILER_ABI_VERSION 5u

/* The fields of etch::driver::CompileOptions. Strings are never NULL. */
typedef struct etch_compile_options {
  uint32_t struct_size;
  uint32_t mode;   /* 0 strict, 1 fast */
  uint32_t effort; /* 0 quick, 1 full */
  uint32_t check;  /* 0, or of 1 values, 2 bounds */
  int64_t memory_budget;
  const char *mcpu;
  const char *name;
  const char *without;
  const char *device;
  uint64_t program_hash; /* goes into the module as it is */
  uint32_t profile;      /* 0 or 1 */
  uint32_t debug;        /* 0 or 1 */
  uint32_t guard;        /* 0 or 1 */
  /* To describe: the extents of all arguments, axis after axis. */
  const int64_t *extents;
  uint64_t num_extents;
  uint32_t sanitize;  /* 0 or 1 */
  uint32_t precision; /* 0 full, 1 tf32, 2 bf16 */
  uint32_t libraries; /* 0 or 1 */
  uint32_t freeze;    /* 0 or 1 */
} etch_compile_options_t;

typedef struct etch_compile_diagnostic {
  uint32_t severity; /* 0 error, 1 warning, 2 note */
  uint32_t reserved;
  int64_t site; /* -1: none */
  const char *message;
} etch_compile_diagnostic_t;

/* How long a part of the compilation took. */
typedef struct etch_compile_phase {
  const char *name;
  double milliseconds;
} etch_compile_phase_t;

/* Owned by the compiler; given back with etch_compiler_release. */
typedef struct etch_compile_result {
  const void *library; /* bytes of an ELF shared object; NULL on failure */
  uint64_t library_bytes;
  const etch_compile_diagnostic_t *diagnostics;
  uint64_t num_diagnostics;
  const etch_compile_phase_t *phases; /* those that ran, in order */
  uint64_t num_phases;
  void *owner;
} etch_compile_result_t;

/* ETCH_COMPILER_ABI_VERSION of the library. */
typedef uint32_t (*etch_compiler_version_fn)(void);

/* Compiles a program; returns 0 on success. Thread-safe, never throws. The
   library exports the query function `etch_query`. */
typedef int (*etch_compiler_compile_fn)(const char *text, size_t length,
                                        const etch_compile_options_t *options,
                                        etch_compile_result_t *result);

/* Compiles ahead of time into two files; header_path may be NULL. Returns 0 on
   success, otherwise leaves both paths as they were. result->library is NULL.
 */
typedef int (*etch_compiler_export_fn)(const char *text, size_t length,
                                       const etch_compile_options_t *options,
                                       const char *library_path,
                                       const char *header_path,
                                       etch_compile_result_t *result);

/* Plans a program without making code. `library` is a text: what lives where
   and when, and what is launched (see compiler/Driver/Describe.h). */
typedef int (*etch_compiler_describe_fn)(const char *text, size_t length,
                                         const etch_compile_options_t *options,
                                         etch_compile_result_t *result);

typedef void (*etch_compiler_release_fn)(etch_compile_result_t *result);

#ifdef ETCH_COMPILER_IMPLEMENTATION
#define ETCH_COMPILER_API __attribute__((visibility("default")))
ETCH_COMPILER_API uint32_t etch_compiler_version(void);
ETCH_COMPILER_API int etch_compiler_compile(const char *, size_t,
                                            const etch_compile_options_t *,
                                            etch_compile_result_t *);
ETCH_COMPILER_API int etch_compiler_export(const char *, size_t,
                                           const etch_compile_options_t *,
                                           const char *, const char *,
                                           etch_compile_result_t *);
ETCH_COMPILER_API int etch_compiler_describe(const char *, size_t,
                                             const etch_compile_options_t *,
                                             etch_compile_result_t *);
ETCH_COMPILER_API void etch_compiler_release(etch_compile_result_t *);
#endif

#ifdef __cplusplus
}
#endif

#endif /* ETCH_DRIVER_COMPILERABI_H */

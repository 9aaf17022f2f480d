//===- Entry.cpp - The C entry points of libEtchCompiler.so ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#define ETCH_COMPILER_IMPLEMENTATION
#include "compiler/Driver/CompilerAbi.h"

#include "compiler/Driver/Compiler.h"
#include "compiler/Driver/Reproduce.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace etch::driver;

namespace {

/// Constants are folded with the rounding and the subnormals of the definition,
/// whatever the calling thread has set.
struct FloatingPointScope {
#if defined(__x86_64__)
  unsigned saved = _mm_getcsr();
  FloatingPointScope() { _mm_setcsr(0x1f80); }
  ~FloatingPointScope() { _mm_setcsr(saved); }
#endif
};

/// What a result points into.
struct Owner {
  llvm::SmallVector<char> library;
  std::vector<Diagnostic> diagnostics;
  std::vector<etch_compile_diagnostic_t> views;
  std::vector<PhaseTime> times;
  std::vector<etch_compile_phase_t> phases;
};

Request toRequest(const char *text, size_t length,
                  const etch_compile_options_t &options) {
  Request request;
  request.text = llvm::StringRef(text, length);
  request.options.mode = Mode(options.mode);
  request.options.effort = Effort(options.effort);
  request.options.check = Check(options.check);
  request.options.without = options.without;
  request.options.memoryBudget = options.memory_budget;
  request.options.mcpu = options.mcpu;
  request.options.name = options.name;
  request.options.device = options.device;
  request.options.profile = options.profile;
  request.options.debug = options.debug;
  request.options.guard = options.guard;
  request.options.sanitize = options.sanitize;
  request.options.precision = Precision(options.precision);
  request.options.libraries = options.libraries;
  request.options.freeze = options.freeze;
  request.programHash = options.program_hash;
  return request;
}

/// Runs `body(owner)` and fills the result from what it left.
template <typename Body>
int answer(const etch_compile_options_t *options, etch_compile_result_t *result,
           Body body) {
  FloatingPointScope scope;
  *result = {};
  auto *owner = new Owner;
  bool good = false;
  if (options->struct_size < sizeof(etch_compile_options_t))
    owner->diagnostics.push_back(
        {Severity::error, -1, "the compiler is newer than its caller"});
  else
    good = body(*owner);
  for (const Diagnostic &diagnostic : owner->diagnostics)
    owner->views.push_back({uint32_t(diagnostic.severity), 0, diagnostic.site,
                            diagnostic.message.c_str()});
  result->owner = owner;
  result->diagnostics = owner->views.data();
  result->num_diagnostics = owner->views.size();
  for (const PhaseTime &time : owner->times)
    owner->phases.push_back({time.name.c_str(), time.milliseconds});
  result->phases = owner->phases.data();
  result->num_phases = owner->phases.size();
  if (good && !owner->library.empty()) {
    result->library = owner->library.data();
    result->library_bytes = owner->library.size();
  }
  return good ? 0 : 1;
}

} // namespace

uint32_t etch_compiler_version(void) { return ETCH_COMPILER_ABI_VERSION; }

int etch_compiler_compile(const char *text, size_t length,
                          const etch_compile_options_t *options,
                          etch_compile_result_t *result) {
  return answer(options, result, [&](Owner &owner) {
    Request request = toRequest(text, length, *options);
    return runGuarded(request, owner.diagnostics, [&] {
      return compileLibrary(request, owner.library, owner.diagnostics,
                            &owner.times);
    });
  });
}

int etch_compiler_export(const char *text, size_t length,
                         const etch_compile_options_t *options,
                         const char *library_path, const char *header_path,
                         etch_compile_result_t *result) {
  return answer(options, result, [&](Owner &owner) {
    Request request = toRequest(text, length, *options);
    request.options.sanitize = false; // others load it
    return runGuarded(request, owner.diagnostics, [&] {
      return exportFiles(request, library_path, header_path ? header_path : "",
                         owner.diagnostics);
    });
  });
}

int etch_compiler_describe(const char *text, size_t length,
                           const etch_compile_options_t *options,
                           etch_compile_result_t *result) {
  return answer(options, result, [&](Owner &owner) {
    return describeProgram(toRequest(text, length, *options),
                           {options->extents, size_t(options->num_extents)},
                           owner.library, owner.diagnostics);
  });
}

void etch_compiler_release(etch_compile_result_t *result) {
  delete static_cast<Owner *>(result->owner);
  *result = {};
}

//===- FakeCompiler.cpp - A compiler whose programs are LLVM IR -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#define ETCH_COMPILER_IMPLEMENTATION
#include "compiler/Driver/CompilerAbi.h"

#include "compiler/Driver/Artifact.h"
#include "compiler/Driver/Link.h"
#include "compiler/Driver/Object.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"

#include <unistd.h>

using namespace llvm;
using namespace etch::driver;

namespace {

struct Owner {
  SmallVector<char> library;
  std::string text;
  etch_compile_diagnostic_t diagnostic = {};
};

Error compile(StringRef text, SmallVectorImpl<char> &out) {
  if (text.starts_with("; slow"))
    usleep(200'000);
  LLVMContext context;
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> module =
      parseAssemblyString(text, diagnostic, context);
  if (!module)
    return createStringError(diagnostic.getMessage());
  Expected<TargetInfo> target = resolveTarget("native");
  if (!target)
    return target.takeError();
  if (Error error = hideAllButQuery(*module))
    return error;
  SmallVector<char> object;
  if (Error error = emitObject(*module, *target, true, object))
    return error;
  return linkSharedObject(StringRef(object.data(), object.size()), {}, out);
}

} // namespace

uint32_t etch_compiler_version(void) { return ETCH_COMPILER_ABI_VERSION; }

int etch_compiler_compile(const char *text, size_t length,
                          const etch_compile_options_t *,
                          etch_compile_result_t *result) {
  auto *owner = new Owner;
  *result = {};
  result->owner = owner;
  if (Error error = compile(StringRef(text, length), owner->library)) {
    owner->text = toString(std::move(error));
    owner->diagnostic.site = 5;
    owner->diagnostic.message = owner->text.c_str();
    result->diagnostics = &owner->diagnostic;
    result->num_diagnostics = 1;
    return 1;
  }
  result->library = owner->library.data();
  result->library_bytes = owner->library.size();
  return 0;
}

int etch_compiler_export(const char *, size_t, const etch_compile_options_t *,
                         const char *, const char *,
                         etch_compile_result_t *result) {
  *result = {};
  return 1;
}

int etch_compiler_describe(const char *, size_t, const etch_compile_options_t *,
                           etch_compile_result_t *result) {
  *result = {};
  return 1;
}

void etch_compiler_release(etch_compile_result_t *result) {
  delete static_cast<Owner *>(result->owner);
  *result = {};
}

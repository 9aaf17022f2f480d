//===- Emit.h - LLVM IR text to something that runs -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_TEST_DRIVER_EMIT_H
#define ETCH_TEST_DRIVER_EMIT_H

#include "compiler/Driver/Link.h"
#include "compiler/Driver/Object.h"
#include "test/runtime/TemporaryFolder.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

namespace etch::test {

inline std::string text(const llvm::SmallVectorImpl<char> &bytes) {
  return std::string(bytes.begin(), bytes.end());
}

inline std::string emitText(const std::string &ir,
                            const std::string &mcpu = "native",
                            bool quick = true) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString(ir, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str();
  llvm::SmallVector<char> object;
  llvm::Error error = driver::emitObject(
      *module, llvm::cantFail(driver::resolveTarget(mcpu)), quick, object);
  EXPECT_EQ(toString(std::move(error)), "");
  return text(object);
}

inline std::string linkText(const std::string &object) {
  llvm::SmallVector<char> out;
  EXPECT_EQ(toString(driver::linkSharedObject(object, {}, out)), "");
  return text(out);
}

/// A shared object in this process for a scope.
class Loaded {
public:
  explicit Loaded(const std::string &library) {
    writeBytes(folder / "lib.so", library);
    handle = dlopen((folder / "lib.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      ADD_FAILURE() << dlerror();
  }
  ~Loaded() {
    if (handle)
      dlclose(handle);
  }
  template <typename Type> Type *function(const char *name) const {
    return reinterpret_cast<Type *>(dlsym(handle, name));
  }
  std::string path() const { return folder / "lib.so"; }

private:
  TemporaryFolder folder;
  void *handle;
};

} // namespace etch::test

#endif // ETCH_TEST_DRIVER_EMIT_H

//===- OtherCompiler.h - Compilers with a fault ------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_SUPPORT_OTHERCOMPILER_H
#define ETCH_TEST_SUPPORT_OTHERCOMPILER_H

#include "frontend/compile/Variant.h"

namespace etch::test {

/// While it lives, this function compiles programs.
class OtherCompiler {
public:
  explicit OtherCompiler(detail::ModuleCompiler other)
      : before(detail::module_compiler) {
    detail::module_compiler = other;
  }
  OtherCompiler(const OtherCompiler &) = delete;
  OtherCompiler &operator=(const OtherCompiler &) = delete;
  ~OtherCompiler() { detail::module_compiler = before; }

private:
  detail::ModuleCompiler before;
};

/// While it lives, all that programs have in the arena lies so many bytes too
/// far. For one program.
class ShiftedArena {
public:
  explicit ShiftedArena(int64_t bytes) : compiler(plant) { shift = bytes; }

private:
  static etch_status_t run(etch_call_t *call) {
    call->arena = static_cast<char *>(call->arena) + shift;
    return real_run(call);
  }
  static detail::CompiledModule plant(const std::string &text,
                                      const driver::CompileOptions &options) {
    driver::CompileResult r = driver::compile(text, options);
    auto changed = std::make_shared<etch_module_t>(r.module->module());
    real_run = changed->run;
    changed->run = run;
    std::pair both(r.module, changed);
    auto owner = std::make_shared<decltype(both)>(std::move(both));
    return {owner, changed.get(), r.origin, r.milliseconds, {}, {}};
  }

  OtherCompiler compiler;
  static inline int64_t shift = 0;
  static inline etch_status_t (*real_run)(etch_call_t *) = nullptr;
};

} // namespace etch::test

#endif // ETCH_TEST_SUPPORT_OTHERCOMPILER_H

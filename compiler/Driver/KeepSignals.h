//===- KeepSignals.h - What signals do in a user's process ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_DRIVER_KEEPSIGNALS_H
#define ETCH_COMPILER_DRIVER_KEEPSIGNALS_H

#include "llvm/Support/Signals.h"

#include <memory>

#include <csignal>

namespace etch::driver {

/// LLVM takes signals, and this thread's alternate stack, to remove its
/// temporary files if one of them ends the process. Both are the user's again
/// when this goes: handlers of the program, a stack that a sanitizer gives back
/// when the thread ends.
class KeepSignals {
public:
  KeepSignals() : memory(new char[size]) {
    stack_t stack = {};
    stack.ss_sp = memory.get();
    stack.ss_size = size;
    isKept = !sigaltstack(&stack, &before);
  }
  ~KeepSignals() {
    llvm::sys::unregisterHandlers();
    if (isKept)
      sigaltstack(&before, nullptr);
  }
  KeepSignals(const KeepSignals &) = delete;

private:
  /// Enough for LLVM, which would allocate one for good otherwise.
  static constexpr size_t size = 256 << 10;
  std::unique_ptr<char[]> memory;
  stack_t before = {};
  bool isKept = false;
};

} // namespace etch::driver

#endif // ETCH_COMPILER_DRIVER_KEEPSIGNALS_H

//===- FixedNumbers.h - Numbers that no call changes ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_CORE_FIXEDNUMBERS_H
#define ETCH_CORE_FIXEDNUMBERS_H

namespace etch::detail {

/// While one lives, numbers of the host that a trace meets on this thread are
/// constants of the program, which the compiler sees: those of a formula that
/// libraries know as a whole.
class FixedNumbers {
public:
  FixedNumbers() { ++depth(); }
  ~FixedNumbers() { --depth(); }
  FixedNumbers(const FixedNumbers &) = delete;
  FixedNumbers &operator=(const FixedNumbers &) = delete;

  static bool are_on() { return depth() != 0; }

private:
  static int &depth() {
    static constinit thread_local int depth = 0;
    return depth;
  }
};

} // namespace etch::detail

#endif // ETCH_CORE_FIXEDNUMBERS_H

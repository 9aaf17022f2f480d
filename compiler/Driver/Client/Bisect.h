//===- Bisect.h - Which pass changes a result -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_CLIENT_BISECT_H
#define ETCH_DRIVER_CLIENT_BISECT_H

#include <functional>
#include <string>

namespace etch::driver {

/// What findChangingPass() found.
struct ChangingPass {
  std::string name;            ///< "etch-fuse"; "" when no pass changes a bit
  std::string before, present; ///< the results without it, and with it
};

/// Compiles and runs a program with more and more of its optional passes, in
/// the order in which they run, and finds the first that changes the results.
/// `resultsOf(without)` compiles with CompileOptions::without, runs and gives
/// the results' bytes; "" if that fails, which counts as a change.
ChangingPass findChangingPass(
    const std::function<std::string(const std::string &without)> &resultsOf);

} // namespace etch::driver

#endif // ETCH_DRIVER_CLIENT_BISECT_H

//===- Bisect.cpp - Which pass changes a result ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Client/Bisect.h"

#include "compiler/Driver/Client/OptionalPasses.h"

namespace etch::driver {

/// All optional passes from the n-th on.
static std::string passesFrom(size_t n) {
  std::string names;
  for (; n < std::size(optionalPasses); ++n)
    names.append(names.empty() ? "" : ",").append(optionalPasses[n]);
  return names;
}

ChangingPass findChangingPass(
    const std::function<std::string(const std::string &without)> &resultsOf) {
  std::string before = resultsOf(passesFrom(0));
  for (size_t n = 0; n < std::size(optionalPasses); ++n) {
    std::string present = resultsOf(passesFrom(n + 1));
    if (present != before)
      return {std::string(optionalPasses[n]), before, present};
  }
  return {};
}

} // namespace etch::driver

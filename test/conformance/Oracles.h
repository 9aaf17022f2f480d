//===- Oracles.h - Where foreign values are ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_CONFORMANCE_ORACLES_H
#define ETCH_TEST_CONFORMANCE_ORACLES_H

#include <cstdlib>
#include <string>

namespace etch::test {

/// The folder of the build, or that of the environment where tests run on
/// another machine.
inline std::string oracles() {
  const char *folder = std::getenv("ETCH_ORACLES");
  return folder ? folder : ETCH_ORACLES;
}

} // namespace etch::test

#endif // ETCH_TEST_CONFORMANCE_ORACLES_H

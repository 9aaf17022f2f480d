//===- OpFunctions.h - The reference cases' operations ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_TEST_CONFORMANCE_OPFUNCTIONS_H
#define ETCH_TEST_CONFORMANCE_OPFUNCTIONS_H

#include "etch/etch.h"
#include "test/support/Json.h"

#include <functional>

namespace etch::test {

/// One case of the reference values for operations.
struct OpCase {
  std::string name, op;
  Json attrs;
};

/// All cases of the oracle folder; none when it is not there.
const std::vector<OpCase> &op_cases();

using OpFunction = std::function<Variables(const Variables &)>;

/// What the case computes, or an empty function for an operation that Etch does
/// not have.
OpFunction function_of(const OpCase &c);

} // namespace etch::test

#endif // ETCH_TEST_CONFORMANCE_OPFUNCTIONS_H

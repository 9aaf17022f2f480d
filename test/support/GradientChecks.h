//===- GradientChecks.h - Operators that have gradients ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Generated from their records, with the applications that these give.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_SUPPORT_GRADIENTCHECKS_H
#define ETCH_TEST_SUPPORT_GRADIENTCHECKS_H

#include "dialects/Etch/OpTable.h"

#include <algorithm>
#include <ostream>
#include <vector>

namespace etch::test {

/// An application that an operator's record gives.
struct Given {
  std::vector<Shape> operands;
  Attrs attrs;
};
using List = std::vector<int64_t>; // as the records have it

struct CheckedOp {
  OpId id;
  const char *name;
  OpKind kind;
  std::vector<Given> given;
};

inline const CheckedOp gradient_checks[] = {
#define ETCH_GRADIENT_CHECK(Id, mnemonic, kind, ...)                           \
  {OpId::Id, mnemonic, OpKind::kind, {__VA_ARGS__}},
#include "dialects/Etch/GradientChecks.inc"
#undef ETCH_GRADIENT_CHECK
};

/// What an operator's record gives; of one without gradients nothing.
inline std::vector<Given> given_of(OpId id) {
  const CheckedOp *own =
      std::find_if(std::begin(gradient_checks), std::end(gradient_checks),
                   [&](const CheckedOp &check) { return check.id == id; });
  return own == std::end(gradient_checks) ? std::vector<Given>() : own->given;
}

inline void PrintTo(const CheckedOp &check, std::ostream *os) {
  *os << check.name;
}

} // namespace etch::test

#endif // ETCH_TEST_SUPPORT_GRADIENTCHECKS_H

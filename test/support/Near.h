//===- Near.h - Comparing arrays with expected values -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_TEST_SUPPORT_NEAR_H
#define ETCH_TEST_SUPPORT_NEAR_H

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace etch::test {

/// |actual - expected| <= rtol * |expected| + atol everywhere; NaNs are equal.
inline testing::AssertionResult near(const std::vector<double> &actual,
                                     const std::vector<double> &expected,
                                     double rtol, double atol = 0) {
  if (actual.size() != expected.size())
    return testing::AssertionFailure()
           << actual.size() << " values, expected " << expected.size();
  for (size_t i = 0; i < actual.size(); ++i) {
    double a = actual[i], e = expected[i];
    if ((std::isnan(a) && std::isnan(e)) || a == e)
      continue;
    if (!(std::abs(a - e) <= rtol * std::abs(e) + atol))
      return testing::AssertionFailure()
             << "value " << i << " is " << testing::PrintToString(a)
             << ", expected " << testing::PrintToString(e) << ", difference "
             << std::abs(a - e);
  }
  return testing::AssertionSuccess();
}

} // namespace etch::test

#endif // ETCH_TEST_SUPPORT_NEAR_H

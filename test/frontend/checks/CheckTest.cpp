//===- CheckTest.cpp - What differs between compiled and eager ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler is replaced by one that miscompiles: it reads another program.
//===----------------------------------------------------------------------===//

#include "test/support/OtherCompiler.h"

#include <etch/etch.h>

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace etch;
using testing::HasSubstr;

namespace {

detail::ModuleCompiler correct = nullptr;
/// Text that is read as another one, and passes without which it is not.
std::string read_from, read_to, guilty;

detail::CompiledModule miscompile(const std::string &text,
                                  const driver::CompileOptions &options) {
  std::string other = text;
  bool innocent =
      !guilty.empty() && options.without.find(guilty) != options.without.npos;
  if (!innocent)
    for (size_t at = 0; (at = other.find(read_from, at)) != other.npos;
         at += read_to.size())
      other.replace(at, read_from.size(), read_to);
  return correct(other, options);
}

class Checks : public testing::Test {
protected:
  void plant(const std::string &from, const std::string &to,
             const std::string &pass = "") {
    read_from = from;
    read_to = to;
    guilty = pass;
    correct = detail::module_compiler;
    wrong.emplace(miscompile);
  }

  std::optional<test::OtherCompiler> wrong;
};

} // namespace

TEST_F(Checks, C136_TheFirstOperationThatDiffersIsNamed) {
  plant("etch.sin", "etch.cos");
  Parameter w{array({0.5, 2.0})};
  uint32_t line = 0;
  auto f = compile([&](const Variable &x) {
    Variable a = exp(x * w);
    line = __LINE__, a = sin(a);
    Variable loss = sum(a * 3.0);
    w.clear_grad();
    loss.backward();
    w.data() -= 0.1 * w.grad();
    return loss;
  });
  CheckReport report = f.check(array({1.0, 2.0}));
  EXPECT_FALSE(report);
  EXPECT_EQ(report.op, "sin");
  EXPECT_EQ(report.where.line, line);
  EXPECT_EQ(report.element, 0);
  EXPECT_NEAR(report.eager, std::sin(std::exp(0.5)), 1e-15);
  EXPECT_NEAR(report.compiled, std::cos(std::exp(0.5)), 1e-15);
  EXPECT_EQ(report.pass, "");
  EXPECT_THAT(report.difference, HasSubstr("result 0: "));
  EXPECT_THAT(report.difference,
              HasSubstr("first in sin: element (0) is 0.9969"));
  EXPECT_THAT(report.difference,
              HasSubstr("[CheckTest.cpp:" + std::to_string(line) + "]"));
  // Nothing has happened to the arrays.
  EXPECT_EQ(w.to_vector(), std::vector<double>({0.5, 2.0}));
}

TEST_F(Checks, TheGradientThatDiffersIsNamed) {
  // The same values where they are positive, other gradients.
  plant("etch.relu", "etch.stop_gradient");
  Parameter w{array({0.5, 2.0})};
  uint32_t line = 0;
  auto f = compile([&](const Variable &x) {
    Variable a = w * x;
    line = __LINE__, a = relu(a);
    Variable loss = sum(sin(a) * 2.0);
    w.clear_grad();
    loss.backward();
    return loss;
  });
  CheckReport report = f.check(array({1.0, 2.0}));
  EXPECT_FALSE(report);
  EXPECT_EQ(report.op, "gradient of relu");
  EXPECT_EQ(report.where.line, line);
  EXPECT_NEAR(report.eager, 2 * std::cos(0.5), 1e-15);
  EXPECT_EQ(report.compiled, 0);
}

TEST_F(Checks, ThePassThatChangesAResultIsNamed) {
  plant("etch.mul", "etch.add", "etch-fuse");
  auto f = compile([](const Variable &x) { return exp(x) * x; });
  CheckReport report = f.check(array({1.0, 3.0}));
  EXPECT_FALSE(report);
  EXPECT_EQ(report.op, "mul");
  EXPECT_EQ(report.pass, "etch-fuse");
  EXPECT_THAT(report.difference, HasSubstr("the pass etch-fuse changes it"));
}

TEST_F(Checks, AFaultOfTheCompilerIsAnInternalErrorAtTheLine) {
  wrong.emplace([](const std::string &, const driver::CompileOptions &) {
    detail::CompiledModule m;
    m.diagnostics.push_back({driver::Severity::error, 1,
                             "internal error: the phase fuse failed; the "
                             "program is kept in 'x.mlir'"});
    return m;
  });
  uint32_t line = 0;
  auto f = compile([&](const Variable &x) {
    Variable y = exp(x);
    return line = __LINE__, sin(y);
  });
  try {
    f(ones({2}));
    FAIL() << "nothing thrown";
  } catch (const InternalError &e) {
    EXPECT_THAT(e.what(), HasSubstr("kept in 'x.mlir'"));
    EXPECT_EQ(e.where().line, line);
  }
}

TEST_F(Checks, WhatAgreesIsNotSearched) {
  auto f = compile([](const Variable &x) { return sum(tanh(x) * x); });
  CheckReport report = f.check(random::randn({20, 3}));
  EXPECT_TRUE(report) << report.difference;
  EXPECT_EQ(report.op, "");
}

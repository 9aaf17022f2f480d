//===- OpCasesTest.cpp - Operations against foreign reference values ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A case has inputs, outputs for them, cotangents of the outputs with the
// gradients that follow, and, where the second order is not trivially zero,
// directions v with the gradients of sum(gradient * v).

#include "etch/compile.h"
#include "test/conformance/OpFunctions.h"
#include "test/conformance/Oracles.h"
#include "test/support/Near.h"
#include "test/support/TestedDevice.h"

#include <cstring>
#include <iostream>

using namespace etch;
using namespace etch::test;

namespace {

/// Reference values that are known to be wrong, with the reason; zeros take
/// their place.
const Json &faults() {
  static const Json list = Json::data("oracle_faults.json");
  return list;
}
bool is_fault(const std::string &name, const std::string &key) {
  return faults().has(name) && faults()[name].has(key);
}

/// The arrays of one case.
struct Values {
  Variables in, out, gout;
  std::map<size_t, Variable> gin, vin, hin; ///< by input

  explicit Values(const OpCase &c) {
    auto arrays = load_npz(oracles() + "/goldens/ops/" + c.name + ".npz");
    auto list = [&](const std::string &prefix, Variables &to) {
      for (size_t i = 0; arrays.count(prefix + std::to_string(i)); ++i)
        to.push_back(arrays[prefix + std::to_string(i)]);
    };
    list("in", in);
    list("out", out);
    list("gout", gout);
    for (size_t i = 0; i < in.size(); ++i)
      for (auto [prefix, to] : {std::pair("gin", &gin), std::pair("vin", &vin),
                                std::pair("hin", &hin)})
        if (auto found = arrays.find(prefix + std::to_string(i));
            found != arrays.end())
          (*to)[i] = is_fault(c.name, found->first) ? zeros_like(found->second)
                                                    : found->second;
  }
  /// All inputs of the whole computation in one list.
  Variables arguments() const {
    Variables all = in;
    all.insert(all.end(), gout.begin(), gout.end());
    for (auto &[i, v] : vin)
      all.push_back(v);
    return all;
  }
  /// All expected results in the order in which compute() gives them.
  Variables expected() const {
    Variables all = out;
    for (const auto *part : {&gin, &hin})
      for (auto &[i, v] : *part)
        all.push_back(v);
    return all;
  }
};

/// Outputs, first and second order gradients. `arguments` as above.
Variables compute(const OpFunction &f, const Values &values,
                  const Variables &arguments) {
  Variables x(arguments.begin(), arguments.begin() + int64_t(values.in.size()));
  auto next = arguments.begin() + int64_t(values.in.size());
  Variables results = f(x);
  Variable total;
  Variables y = results;
  for (Variable &part : y) {
    Variable term = sum(part * *next++);
    total = total.defined() ? total + term : term;
  }
  Variables leaves;
  for (auto &[i, expected] : values.gin)
    leaves.push_back(x[i]);
  auto or_zeros = [&](Variables gradients) {
    for (size_t i = 0; i < gradients.size(); ++i)
      if (!gradients[i].defined())
        gradients[i] = zeros_like(leaves[i]);
    return gradients;
  };
  Variables first = or_zeros(grad(total, leaves, {.create_graph = true}));
  results.insert(results.end(), first.begin(), first.end());
  if (values.hin.empty())
    return results;
  Variable weighted;
  size_t k = 0;
  for (auto &[i, expected] : values.gin) {
    if (values.vin.count(i)) {
      Variable term = sum(first[k] * *next++);
      weighted = weighted.defined() ? weighted + term : term;
    }
    ++k;
  }
  leaves.clear();
  for (auto &[i, expected] : values.hin) {
    leaves.push_back(x[i]);
    // A gradient that is the same everywhere has no graph of its own.
    weighted = weighted + sum(x[i] * 0.0);
  }
  Variables second = or_zeros(grad(weighted, leaves));
  results.insert(results.end(), second.begin(), second.end());
  return results;
}

/// "" or the first difference.
std::string difference(const Variables &actual, const Variables &expected) {
  if (actual.size() != expected.size())
    return "number of results: " + std::to_string(actual.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    if (actual[i].shape() != expected[i].shape())
      return "result " + std::to_string(i) + " has shape " +
             to_string(actual[i].shape());
    auto same =
        near(actual[i].to_vector(), expected[i].to_vector(), 1e-12, 1e-13);
    if (!same)
      return "result " + std::to_string(i) + ": " + same.message();
  }
  return "";
}

bool same_bits(const Variables &a, const Variables &b) {
  for (size_t i = 0; i < a.size(); ++i) {
    std::vector<double> x = a[i].to_vector(), y = b[i].to_vector();
    if (x.size() != y.size() ||
        (!x.empty() && std::memcmp(x.data(), y.data(), x.size() * 8) != 0))
      return false;
  }
  return a.size() == b.size();
}

struct Tally {
  int ran = 0, passed = 0, skipped = 0;
};
std::map<std::string, Tally> tallies;

/// Says at the end how many cases there were.
class Summary : public testing::Environment {
  void TearDown() override {
    if (op_cases().empty()) {
      std::cout << "conformance: NO ORACLE FOLDER (-DETCH_ORACLES=DIR): no "
                   "reference case was run\n";
      return;
    }
    if (tallies.empty())
      return;
    Tally all;
    std::string without;
    for (auto &[op, t] : tallies) {
      all.ran += t.ran;
      all.passed += t.passed;
      all.skipped += t.skipped;
      if (t.skipped)
        without += " " + op + " (" + std::to_string(t.skipped) + ")";
      else
        std::cout << "  " << op << ": " << t.passed << " of " << t.ran << "\n";
    }
    for (auto &[name, keys] : faults().object())
      for (auto &[key, reason] : keys.object())
        std::cout << "  reference value not used: " << name << ", " << key
                  << " " << reason.text() << "\n";
    std::cout << "conformance: of " << op_cases().size() << " cases "
              << all.passed << " passed, " << all.ran - all.passed
              << " failed, " << all.skipped
              << " are of operations that Etch does not have:" << without
              << "\n";
  }
};
const auto *summary = testing::AddGlobalTestEnvironment(new Summary);

class OpCases : public testing::TestWithParam<size_t> {};

TEST_P(OpCases, C161_EagerAndCompiled) {
  if (op_cases().empty())
    GTEST_SKIP() << "no oracle folder: configure with -DETCH_ORACLES=DIR";
  const OpCase &c = op_cases()[GetParam()];
  Tally &tally = tallies[c.op];
  OpFunction f = function_of(c);
  if (!f) {
    ++tally.skipped;
    GTEST_SKIP() << "Etch has no operation " << c.op;
  }
  ++tally.ran;
  Values values(c);
  Variables eager = compute(f, values, values.arguments());
  EXPECT_EQ(difference(eager, values.expected()), "") << c.name << ", eager";

  auto program = compile(
      [&](const Variables &arguments) { return compute(f, values, arguments); },
      on_tested_device());
  Variables compiled = program(values.arguments());
  EXPECT_EQ(difference(compiled, values.expected()), "")
      << c.name << ", compiled";
  EXPECT_TRUE(same_bits(eager, compiled)) << c.name;
  tally.passed += !HasFailure();
}

INSTANTIATE_TEST_SUITE_P(Oracle, OpCases,
                         testing::Range(size_t(0),
                                        std::max(size_t(1), op_cases().size())),
                         [](const testing::TestParamInfo<size_t> &info) {
                           return op_cases().empty()
                                      ? std::string("none")
                                      : op_cases()[info.param].name;
                         });

TEST(OpCasesHarness, APerturbedValueFails) {
  Variables right{array({1.0, 2.0}), Variable(3.0)};
  EXPECT_EQ(difference(right, {array({1.0, 2.0}), Variable(3.0)}), "");
  EXPECT_NE(difference(right, {array({1.0, 2.0 + 1e-11}), Variable(3.0)}), "");
  EXPECT_NE(difference(right, {array({1.0, 2.0})}), "");
  EXPECT_NE(difference(right, {array({{1.0, 2.0}}), Variable(3.0)}), "");
  EXPECT_FALSE(same_bits({Variable(0.0)}, {Variable(-0.0)}));
  if (op_cases().empty())
    return;
  // A wrong gradient of a real case, too.
  Values values(op_cases()[0]);
  Variables computed =
      compute(function_of(op_cases()[0]), values, values.arguments());
  EXPECT_EQ(difference(computed, values.expected()), "");
  Variables wrong = values.expected();
  wrong[1] = wrong[1] * (1 + 1e-9);
  EXPECT_NE(difference(computed, wrong), "");
}

} // namespace

//===- step35.cpp - Graphs of higher derivatives --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The graph of the n-th derivative of tanh grows exponentially as it is
// written; what is compiled does not, because equal parts are merged between
// the orders. MergeGradients does the same eagerly: then the bits are the same.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int count(const std::string &text, const std::string &part) {
  int n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at)
    ++n;
  return n;
}
Variable nth(const Variable &x, int order) {
  tanh(x).backward({.create_graph = true});
  for (int i = 1; i < order; ++i) {
    Variable gx = x.grad();
    x.clear_grad();
    gx.backward({.create_graph = true});
  }
  return x.grad();
}
/// Operations of the program that is left when all orders are simplified.
int operations(const std::string &dumps) {
  for (const auto &file :
       std::filesystem::recursive_directory_iterator(dumps)) {
    if (!file.path().string().ends_with("simplify.mlir"))
      continue;
    std::ifstream in(file.path());
    std::stringstream text;
    text << in.rdbuf();
    return count(text.str(), " = etch.") - count(text.str(), "etch.constant");
  }
  return -1;
}

int main() {
  return run([] {
    std::vector<double> values, functions, variables, merged, compiled, left;
    for (int order = 1; order <= 8; ++order) {
      Variable x(1.0);
      Variable gx = nth(x, order);
      values.push_back(gx.item());
      {
        MergeGradients scope;
        merged.push_back(nth(Variable(1.0), order).item());
      }
      std::string dot = get_dot_graph(gx);
      functions.push_back(count(dot, "shape=box"));
      variables.push_back(count(dot, "color=orange"));

      std::string dumps = folder() + "/order" + std::to_string(order);
      setenv("ETCH_DUMP", dumps.c_str(), 1);
      auto program = compile([&](const Variable &v) { return nth(v, order); });
      compiled.push_back(program(Variable(1.0)).item());
      unsetenv("ETCH_DUMP");
      left.push_back(operations(dumps));
    }
    report("compiled with eager's bits", merged == compiled);
    report("derivatives", values);
    report("derivatives, compiled", compiled);
    report("functions", functions);
    report("variables", variables);
    report("operations, compiled", left);
    report("operations of order 8", left.back());
  });
}

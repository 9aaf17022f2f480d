//===- step25.cpp - Graphs as pictures: DOT -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A graph is drawn from a text that Graphviz reads: a line for each node, a
// line for each edge. A compiled program has such a text, too.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int count(const std::string &text, const std::string &part) {
  int n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at)
    ++n;
  return n;
}

int main() {
  return run([] {
    Variable x0 = Variable(1.0).set_name("x0");
    Variable x1 = Variable(1.0).set_name("x1");
    Variable y = (x0 + x1).set_name("y");
    std::string dot = get_dot_graph(y, {.verbose = false});
    std::istringstream lines(dot);
    for (std::string line; std::getline(lines, line);)
      std::cout << "  " << line << "\n";
    report("nodes", count(dot, "[label="));
    report("edges", count(dot, "->"));
    report("functions are boxes", count(dot, "shape=box"));

    auto add =
        compile([](const Variable &a, const Variable &b) { return a + b; });
    add(x0, x1);
    std::string program = get_dot_program(add.program());
    report("the program is a graph, too",
           program.rfind("digraph", 0) == 0 && count(program, "->") >= 3);
  });
}

//===- step26.cpp - Graphs as pictures: from a result ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names, shapes and types label the nodes; the picture is drawn by Graphviz
// where it is installed.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

Variable goldstein(const Variable &x, const Variable &y) {
  return (1 + pow(x + y + 1, 2) * (19 - 14 * x + 3 * pow(x, 2) - 14 * y +
                                   6 * x * y + 3 * pow(y, 2))) *
         (30 + pow(2 * x - 3 * y, 2) * (18 - 32 * x + 12 * pow(x, 2) + 48 * y -
                                        36 * x * y + 27 * pow(y, 2)));
}
int count(const std::string &text, const std::string &part) {
  int n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at)
    ++n;
  return n;
}

int main() {
  return run([] {
    Variable x = Variable(1.0).set_name("x"), y = Variable(1.0).set_name("y");
    Variable z = goldstein(x, y);
    z.backward();
    z.set_name("z");
    std::string dot = get_dot_graph(z);
    report("functions", count(dot, "shape=box"));
    report("variables", count(dot, "color=orange"));
    report("x is labelled", dot.find("\"x: () float64\"") != dot.npos);
    plot_dot_graph(z, folder() + "/goldstein.dot");
    report("goldstein.dot was written",
           std::filesystem::file_size(folder() + "/goldstein.dot") ==
               dot.size());
    try {
      plot_dot_graph(z, folder() + "/goldstein.png");
      std::cout << "drawn by Graphviz" << std::endl;
    } catch (const IOError &e) {
      std::cout << e.what() << std::endl; // says what is missing
    }
  });
}

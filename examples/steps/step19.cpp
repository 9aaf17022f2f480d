//===- step19.cpp - Variables that are easy to use ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names, shapes, types, and a text form.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    Variable x = array({{1, 2, 3}, {4, 5, 6}}).set_name("input_x");
    report("name", x.name());
    report("shape", to_string(x.shape()));
    report("ndim", x.ndim());
    report("size", x.size());
    report("dtype", name_of(x.dtype()));
    report("len", x.len());
    report("default dtype of floats", name_of(array({1.0}).dtype()));
    std::ostringstream text, nothing;
    text << x;
    nothing << Variable();
    std::string lines = text.str();
    report("first line", lines.substr(0, lines.find('\n')));
    report("second line, quoted",
           "'" + lines.substr(lines.find('\n') + 1) + "'");
    report("nothing", nothing.str());
  });
}

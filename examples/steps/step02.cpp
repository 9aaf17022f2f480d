//===- step02.cpp - Functions that make Variables -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A Function takes Variables, looks at what is in them, and gives a Variable.
// Whoever writes one says what forward() does; the base class does not know.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Square : Function {
  Variables forward(const Variables &x) override { return {x[0] * x[0]}; }
};
struct Unfinished : Function {};

int main() {
  return run([] {
    Square square;
    Variable y = both([&](const Variable &x) -> Variable { return square(x); },
                      Variable(10.0));
    report("square of 10", y);
    report("shape", to_string(y.shape()));
    Unfinished unfinished;
    try {
      unfinished(y);
    } catch (const UserError &e) {
      std::string message = e.what();
      report("forward is missing",
             message.find("not implemented") != std::string::npos);
    }
  });
}

//===- step09.cpp - More convenient functions -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions in one line; the first gradient needs no help and has the type of
// the data; what is not an array is refused before the program runs.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

template <class T>
concept Accepted = requires(T value) { requires etch::detail::Literal<T>; } ||
                   std::derived_from<T, Variable>;

int main() {
  return run([] {
    auto slope = [](const Variable &x) {
      Variable y = square(exp(square(x)));
      y.backward();
      return x.grad();
    };
    report("x.grad", both(slope, Variable(0.5)));

    for (DType type : {f32, f64}) {
      Variable x = ones({2}, {.dtype = type});
      square(x).backward();
      report("gradient of " + std::string(name_of(type)),
             name_of(x.grad().dtype()));
    }
    Variable y = square(Variable(3.0));
    report("square of a scalar has shape", to_string(y.shape()));
    report("an empty Variable holds an array", bool(Variable()));
    report("a number is accepted", Accepted<double>);
    report("a text is accepted", Accepted<std::string>);
  });
}

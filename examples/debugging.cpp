//===- debugging.cpp - What to do when a compiled program is wrong --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. {.check = Check::nan} names the first operation that makes a NaN, the
//    element, what it was computed from, and the line.
// 2. f.check(inputs) runs the function eagerly and compiled, and names the
// first
//    operation whose bits differ, and the pass of the compiler that does it.
// 3. With ETCH_DUMP=<folder> each phase of the compiler leaves the program as a
//    text and as a page with its graph. ETCH_FLAGS=--etch-picture=etch-fuse
//    adds pages before and behind that pass.
// 4. A fault of the compiler leaves a file and the command that shows it again;
//    etch-run program.mlir --input x.npy --bisect finds the pass.
//===----------------------------------------------------------------------===//

#include <etch/etch.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

using namespace etch;

/// A loss with a mistake: nothing keeps y away from 0.
static Variable cross_entropy(const Variable &y, const Variable &t) {
  return -mean(t * log(y) + (1 - t) * log(1 - y));
}

int main() {
  random::seed(0);
  Variable x = random::randn({8, 4}), t = array({0, 1, 0, 1, 1, 0, 1, 0});
  t = t.astype(f64).reshape({8, 1});
  Parameter w{random::randn({4, 1})};
  auto train = [&](const Variable &x, const Variable &t) {
    Variable y = sigmoid(matmul(x, w));
    Variable loss = cross_entropy(y, t);
    w.clear_grad();
    loss.backward();
    w.data() -= 200.0 * w.grad(); // too much of a step
    return loss;
  };

  auto checked = compile(train, {.check = Check::nan});
  std::vector<double> good;
  try {
    for (int i = 0; i < 20; ++i) {
      good = w.to_vector<double>();
      double loss = checked(x, t).item<double>();
      std::cout << "loss " << loss << "\n";
    }
  } catch (const ValueError &e) {
    std::cout << "stopped: " << e.what() << "\n";
  }
  // The call that failed has changed nothing.
  std::cout << "weights as before: " << std::boolalpha
            << (w.to_vector<double>() == good) << "\n";

  auto step = compile(train);
  CheckReport report = step.check(x, t);
  std::cout << "compiled and eager agree: " << bool(report) << "\n"
            << report.difference;

  setenv("ETCH_DUMP", "dump", 1);
  compile([](const Variable &x) { return sum(tanh(x) * x); })(x);
  unsetenv("ETCH_DUMP");
  int pages = 0;
  for (auto &file : std::filesystem::directory_iterator("dump"))
    pages += file.path().extension() == ".html";
  std::cout << pages << " pages in dump\n";
}

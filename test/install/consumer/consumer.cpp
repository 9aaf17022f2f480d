//===- consumer.cpp - A user's program against the installed package ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prints one value in eager mode, compiled, and from the library it exports.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cstdio>

using namespace etch;

int main() {
  auto f = [](const Variable &x) { return sum(tanh(x) * 2.0 + 1.0); };
  Variable x = array({0.0, 0.5, 1.0});
  Variable y = f(x);
  y.backward();
  if (x.grad().to_vector<double>()[0] != 2.0)
    return 1;

  // Batches from another thread; a picture written and read.
  Dataset data(arange(4.0));
  DataLoader loader(data, 3, {.prefetch = 1});
  double total = 0;
  std::vector<int64_t> row = {1, 2};
  if (sum(array(row)).item<int>() != 3)
    return 1;
  for (auto &[batch, label] : loader)
    total += sum(batch).item();
  save_image("consumer.png", full({1, 2, 2}, 255));
  if (total != 6 || load_image("consumer.png").shape() != Shape{3, 2, 2})
    return 1;

  if (compile([] { return Variable(3); })().item<int>() != 3)
    return 1;
  auto compiled = compile(f);
  export_library(compiled, "consumer_f", {x}, {.mcpu = "native"});
  auto library = load_library("libconsumer_f.so");
  std::printf("%.17g\n%.17g\n%.17g\n", y.item<double>(),
              compiled(x).item<double>(), library.run({x})[0].item<double>());
}

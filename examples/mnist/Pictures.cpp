//===- Pictures.cpp - Loss, digits, graphs --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Demo.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace demo;
namespace fs = std::filesystem;

void demo::draw_digits_and_curve(const Options &o, const Figures &f, MLP &model,
                                 const MNIST &test) {
  constexpr int digits = 10, scale = 2, cell = 28 * scale + 6;
  Canvas canvas(660, 330);
  canvas.curves(10, 10, 640, 200, {f.losses}, "loss of each step");
  NoGrad no_grad;
  auto [x, t] = batch_of(test, 0, digits);
  std::vector<int64_t> guess =
                           argmax(model(x), {.axis = 1}).to_vector<int64_t>(),
                       truth = t.to_vector<int64_t>();
  std::string title =
      f.source == "synthetic" ? "synthetic test digits" : "test digits";
  canvas.text(10, 226, title + " and what the network takes them for");
  for (int i = 0; i < digits; ++i) {
    canvas.image(10 + i * cell, 240, x[i].reshape({28, 28}), scale);
    bool right = guess[size_t(i)] == truth[size_t(i)];
    canvas.text(10 + i * cell + 22, 302, std::to_string(guess[size_t(i)]),
                right ? Color{0, 130, 0} : Color{200, 0, 0}, 2);
  }
  canvas.save(o.out + "/mnist.png");
}

/// Writes DOT text, and a picture where Graphviz is there.
static void draw(const std::string &stem, const std::string &dot) {
  plot_dot_text(dot, stem + ".dot");
  if (has_graphviz())
    plot_dot_text(dot, stem + ".svg");
}

static std::string read(const fs::path &file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void demo::draw_graphs(const Options &o, const Digits &data) {
  Sample first = batch_of(data.train, 0, o.batch);
  Trainer trainer(first.x);
  first.x.set_name("x");
  first.t.set_name("t");
  draw(o.out + "/graph_before",
       get_dot_graph(softmax_cross_entropy(trainer.model(first.x), first.t)));

  // The compiler writes down each phase; after `fuse` main calls kernels.
  std::string folder = o.out + "/phases";
  fs::remove_all(folder);
  setenv("ETCH_DUMP", folder.c_str(), 1);
  auto step = compile(
      [&](const Variable &x, const Variable &t) { return trainer.step(x, t); });
  step.build(first.x, first.t);
  unsetenv("ETCH_DUMP");
  draw(o.out + "/graph_traced", get_dot_program(step.program()));
  for (const fs::directory_entry &file : fs::directory_iterator(folder))
    if (file.path().string().ends_with("-fuse.mlir"))
      draw(o.out + "/graph_after", get_dot_program(read(file.path())));
}

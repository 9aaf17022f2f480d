//===- DotTest.cpp - Graphs as pictures -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "etch/models.h"
#include "etch/plot.h"
#include "test/runtime/TemporaryFolder.h"
#include "test/support/Json.h"

#include <cmath>
#include <csignal>
#include <gmock/gmock.h>
#include <numbers>
#include <regex>
#include <sys/resource.h>

using namespace etch;
using test::Json;
using test::TemporaryFolder;
using testing::HasSubstr;

namespace {

int count(const std::string &text, const std::string &part) {
  int n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at)
    ++n;
  return n;
}
int functions(const std::string &dot) { return count(dot, "shape=box"); }
int variables(const std::string &dot) { return count(dot, "color=orange"); }

TEST(Dot, C154_SumOfTwo) {
  Variable x0 = Variable(1.0).set_name("x0"), x1 = Variable(1.0).set_name("x1");
  Variable y = x0 + x1;
  y.set_name("y");
  std::string dot = get_dot_graph(y, {.verbose = false});
  EXPECT_EQ(dot, "digraph g {\n"
                 "0 [label=\"y\", color=orange, style=filled]\n"
                 "1 [label=\"Add\", color=lightblue, style=filled, shape=box]\n"
                 "2 [label=\"x0\", color=orange, style=filled]\n"
                 "3 [label=\"x1\", color=orange, style=filled]\n"
                 "2 -> 1\n3 -> 1\n1 -> 0\n}\n");
  // The same graph made again gives the same text.
  Variable again = x0 + x1;
  again.set_name("y");
  EXPECT_EQ(get_dot_graph(again, {.verbose = false}), dot);
}

TEST(Dot, C154_EveryLineIsDot) {
  Variable x = array({{1.0, 2.0}}).set_name("a \"quoted\"\\ name");
  std::string dot = get_dot_graph(tanh(x) * 2 + x.sum());
  std::regex line(
      R"re(digraph g \{|\}|\d+ -> \d+|\d+ \[label="([^"\\]|\\.)*", color=\w+, style=filled(, shape=box)?\])re");
  std::istringstream in(dot);
  for (std::string text; std::getline(in, text);)
    EXPECT_TRUE(std::regex_match(text, line)) << text;
}

TEST(Dot, C154_AUserFunctionHasItsName) {
  struct Twice : Function {
    Variables forward(const Variables &x) override { return {x[0] * 2.0}; }
    Variables backward(const Variables &gy) override { return {gy[0] * 2.0}; }
  } twice;
  EXPECT_THAT(get_dot_graph(twice(Variable(1.0))),
              HasSubstr("label=\"Twice\""));
}

TEST(Dot, C155_VerboseShowsShapeAndType) {
  Variable x = zeros({2, 3}, {.dtype = f32}).set_name("x");
  std::string dot = get_dot_graph(exp(x));
  EXPECT_THAT(dot, HasSubstr("label=\"x: (2, 3) float32\""));
  EXPECT_THAT(dot, HasSubstr("label=\"(2, 3) float32\""));
  EXPECT_THAT(get_dot_graph(exp(x), {.verbose = false}),
              HasSubstr("label=\"x\""));
}

TEST(Dot, C156_WritesToAFile) {
  TemporaryFolder folder;
  Variable y = exp(Variable(1.0));
  plot_dot_graph(y, folder / "g.dot");
  EXPECT_EQ(test::readBytes(folder / "g.dot"), get_dot_graph(y));
  EXPECT_THROW(plot_dot_graph(y, folder / "no_suffix"), ValueError);
  EXPECT_THROW(plot_dot_graph(y, folder / "no/folder.dot"), IOError);
  if (has_graphviz()) {
    plot_dot_graph(y, folder / "g.svg");
    EXPECT_THAT(test::readBytes(folder / "g.svg"), HasSubstr("<svg"));
    EXPECT_EQ(folder.count(), 2u);
  } else {
    EXPECT_THAT([&] { plot_dot_graph(y, folder / "g.svg"); },
                testing::ThrowsMessage<IOError>(HasSubstr("not installed")));
    EXPECT_EQ(folder.count(), 1u);
  }
}

TEST(Dot, C156_EveryFormat) {
  if (!has_graphviz())
    GTEST_SKIP() << "no Graphviz";
  TemporaryFolder folder;
  Variable y = tanh(Variable(1.0).set_name("x"));
  for (auto [name, magic] :
       {std::pair("g.png", "\x89PNG"), {"g.pdf", "%PDF"}, {"G.SVG", "<?xml"}}) {
    plot_dot_graph(y, folder / name);
    EXPECT_EQ(test::readBytes(folder / name).find(magic), 0u) << name;
  }
  EXPECT_THAT(test::readBytes(folder / "G.SVG"), HasSubstr("Tanh"));
  MLP model({3, 1});
  model.plot(zeros({1, 2}), folder / "m.svg");
  EXPECT_THAT(test::readBytes(folder / "m.svg"), HasSubstr("(2, 3) float32"));
  // What dot has to say is in the message; no file is left.
  EXPECT_THAT([&] { plot_dot_graph(y, folder / "g.strange"); },
              testing::ThrowsMessage<IOError>(
                  testing::AllOf(HasSubstr("g.strange"), HasSubstr("ormat"))));
  EXPECT_EQ(folder.count(), 4u);
}

TEST(Dot, C156_AFullDiskLeavesTheOldFile) {
  TemporaryFolder folder;
  test::writeBytes(folder / "g.dot", "old");
  Variable y = exp(Variable(1.0));
  for (int i = 0; i < 100; ++i)
    y = y + 1.0;
  rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {1024, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT_THROW(plot_dot_graph(y, folder / "g.dot"), IOError);
  EXPECT_THROW(plot_dot_graph(y, folder / "g.svg"), IOError);
  EXPECT_THROW(Canvas(100, 100).save("/dev/full"), IOError);
  Canvas noisy(300, 300);
  for (unsigned i = 0; i < 90000; ++i)
    noisy.set(int(i % 300), int(i / 300),
              {uint8_t(i * 7), uint8_t(i * i), uint8_t(i >> 3)});
  EXPECT_THROW(noisy.save(folder / "c.png"), IOError);
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(test::readBytes(folder / "g.dot"), "old");
  EXPECT_EQ(folder.count(), 1u);
}

TEST(Dot, AnEmptyVariable) {
  EXPECT_EQ(get_dot_graph(Variable()),
            "digraph g {\n0 [label=\"\", color=orange, style=filled]\n}\n");
}

TEST(Dot, C156_GraphvizThatIsAbsentIsNamed) {
  TemporaryFolder folder;
  std::string path = getenv("PATH");
  setenv("PATH", folder.path().c_str(), 1);
  EXPECT_THAT([&] { plot_dot_graph(Variable(1.0), folder / "g.png"); },
              testing::ThrowsMessage<IOError>(HasSubstr("graphviz")));
  setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(folder.count(), 0u);
}

TEST(Dot, C158_GoldsteinPrice) {
  Variable x(1.0), y(1.0);
  Variable z =
      (1 + pow(x + y + 1, 2) * (19 - 14 * x + 3 * pow(x, 2) - 14 * y +
                                6 * x * y + 3 * pow(y, 2))) *
      (30 + pow(2 * x - 3 * y, 2) * (18 - 32 * x + 12 * pow(x, 2) + 48 * y -
                                     36 * x * y + 27 * pow(y, 2)));
  EXPECT_EQ(z.item(), 1876.0);
  EXPECT_EQ(functions(get_dot_graph(z)), 38);
  EXPECT_EQ(variables(get_dot_graph(z)), 57);
}

Variable my_sin(const Variable &x, double threshold) {
  Variable y = 0.0;
  double factorial = 1;
  for (int i = 0; i < 100000; ++i) {
    if (i > 0)
      factorial *= 2.0 * i * (2.0 * i + 1);
    Variable t = (i % 2 ? -1 : 1) / factorial * pow(x, 2 * i + 1);
    y = y + t;
    if (std::abs(t.item()) < threshold)
      break;
  }
  return y;
}

TEST(Dot, C158_TaylorSine) {
  Variable x(std::numbers::pi / 4);
  std::string dot = get_dot_graph(my_sin(x, 1e-4));
  EXPECT_EQ(functions(dot), 12);
  EXPECT_EQ(variables(dot), 18);
  dot = get_dot_graph(my_sin(x, 1e-150));
  EXPECT_EQ(functions(dot), 141);
  EXPECT_EQ(variables(dot), 190);
}

TEST(Dot, C158_DerivativesOfTanh) {
  Json expected = Json::data("graph_sizes.json")["tanh"];
  Variable x(1.0);
  Variable y = tanh(x);
  y.backward({.create_graph = true});
  for (size_t order = 1; order <= 8; ++order) {
    if (order > 1) {
      Variable gx = x.grad();
      x.clear_grad();
      gx.backward({.create_graph = true});
    }
    std::string dot = get_dot_graph(x.grad());
    EXPECT_EQ(functions(dot), expected[order - 1][0].number()) << order;
    EXPECT_EQ(variables(dot), expected[order - 1][1].number()) << order;
  }
}

TEST(Dot, C081_ModelPlot) {
  TemporaryFolder folder;
  MLP model({10, 3});
  Variable x = zeros({1, 5}).set_name("x");
  model.plot(x, folder / "model.dot");
  std::string dot = test::readBytes(folder / "model.dot");
  EXPECT_THAT(dot, HasSubstr("x: (1, 5) float64"));
  EXPECT_THAT(dot, HasSubstr("l0/W: (5, 10) float32"));
}

TEST(Dot, DeepGraphsNeedNoStack) {
  Variable y(0.0);
  Variable x(1.0);
  for (int i = 0; i < 100000; ++i)
    y = y + x;
  EXPECT_EQ(functions(get_dot_graph(y)), 100000);
}

} // namespace

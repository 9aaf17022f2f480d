//===- ProgramDotTest.cpp - Programs before and after each phase ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "test/runtime/TemporaryFolder.h"

#include <gmock/gmock.h>

using namespace etch;
using test::TemporaryFolder;
using testing::HasSubstr;

namespace {

int boxes(const std::string &dot) {
  int n = 0;
  for (size_t at = 0; (at = dot.find("shape=box", at)) != std::string::npos;
       ++at)
    ++n;
  return n;
}

TEST(ProgramDot, C157_NamesOperationsAndValues) {
  EXPECT_EQ(get_dot_program(R"(module {
  func.func private @k0(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = etch.neg %arg0 : (tensor<2xf32>) -> tensor<2xf32>
    return %0 : tensor<2xf32>
  }
  func.func @main(%arg0: tensor<2xf32> {etch.name = "x"},
      %arg1: tensor<2xf32>) -> (tensor<2xf32>,
      tensor<2xf32>) {
    %0:2 = call @k0(%arg0, %arg1) : (tensor<2xf32>) -> tensor<2xf32>
    %1 = "etch.add"(%0#1, %arg1) : (tensor<2xf32>) -> tensor<2xf32>
    return %1, %0#0 : tensor<2xf32>, tensor<2xf32>
  }
}
)"),
            "digraph g {\n"
            "0 [label=\"x: 2xf32\", color=orange, style=filled]\n"
            "1 [label=\"arg1: 2xf32\", color=orange, style=filled]\n"
            "2 [label=\"k0\", color=lightblue, style=filled, shape=box]\n"
            "3 [label=\"add\", color=lightblue, style=filled, shape=box]\n"
            "4 [label=\"result\", color=orange, style=filled]\n"
            "0 -> 2\n1 -> 2\n2 -> 3\n1 -> 3\n3 -> 4\n2 -> 4\n}\n");
  EXPECT_EQ(get_dot_program("no program"), "digraph g {\n}\n");
}

TEST(ProgramDot, C157_TwoPicturesPerPhase) {
  TemporaryFolder folder;
  auto f = compile([](const Variable &x) {
    Variable y = sum(tanh(x) * exp(x) + sigmoid(x));
    return grad(y, {x})[0];
  });
  setenv("ETCH_DUMP", folder.path().c_str(), 1);
  f.build(array({0.1, 0.2, 0.3}));
  unsetenv("ETCH_DUMP");
  EXPECT_THAT(get_dot_program(f.program()), HasSubstr("label=\"tanh\""));

  std::map<std::string, std::string> phases; // in order of their names
  for (auto &file : std::filesystem::directory_iterator(folder.path()))
    if (file.path().extension() == ".mlir")
      phases[file.path().filename()] =
          get_dot_program(test::readBytes(file.path()));
  ASSERT_GE(phases.size(), 4u);
  std::string before;
  for (auto &[name, dot] : phases) {
    if (name.find("codegen") != std::string::npos)
      continue;
    EXPECT_GT(boxes(dot), 0) << name;
    std::string stem = folder / name;
    if (!before.empty())
      plot_dot_text(before, stem + ".before.dot");
    plot_dot_text(dot, stem + ".after.dot");
    EXPECT_EQ(test::readBytes(stem + ".after.dot"), dot);
    before = dot;
  }
  auto phase = [&](const char *name) {
    for (auto &[file, dot] : phases)
      if (file.find(name) != std::string::npos)
        return dot;
    return std::string();
  };
  EXPECT_THAT(phase("trace"), HasSubstr("gradient"));
  EXPECT_EQ(phase("differentiate").find("gradient"), std::string::npos);
  EXPECT_LT(boxes(phase("fuse")), boxes(phase("simplify")));
}

} // namespace

//===- ExportTest.cpp - compiled functions as libraries -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>

using namespace etch;
namespace fs = std::filesystem;
using testing::HasSubstr;

namespace {

struct Export : testing::Test {
  std::string dir;
  void SetUp() override {
    dir = testing::TempDir() + "/export_" +
          testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir);
  }
  void TearDown() override { fs::remove_all(dir); }
};

struct Training {
  MLP model{{10, 1}, sigmoid};
  Adam optimizer;
  Variable x, t;
  Training() {
    random::seed(0);
    x = random::rand({20, 1}).astype(f32);
    t = random::rand({20, 1}).astype(f32);
    optimizer.setup(model);
  }
  auto step() {
    return compile([this](const Variable &x, const Variable &t) {
      Variable loss = mean_squared_error(model(x), t);
      model.clear_grads();
      loss.backward();
      optimizer.update();
      return loss;
    });
  }
};

TEST_F(Export, C136_TrainingStepAotEqualsJit) {
  Training a;
  auto step = a.step();
  step(a.x, a.t);
  export_library(step, dir + "/sine_step", {a.x, a.t});
  for (const char *file : {"libsine_step.so", "sine_step.h", "sine_step.state"})
    EXPECT_TRUE(fs::exists(dir + "/" + file)) << file;
  Library library = load_library(dir + "/libsine_step.so");
  for (int i = 0; i < 10; ++i) {
    Variables ys = library.run({a.x, a.t});
    ASSERT_EQ(ys.size(), 1u);
    EXPECT_EQ(ys[0].to_vector(), step(a.x, a.t).to_vector());
  }
  EXPECT_THAT(library.state_names(), testing::Contains("l1/W"));
  EXPECT_THAT(library.state_names(), testing::Contains("optimizer/v/l0/b"));
  EXPECT_EQ(library.get_state("l0/W").to_vector(),
            a.model.params()[0].to_vector());
  EXPECT_THROW(library.get_state("none"), ValueError);

  // A restart from a saved state.
  library.save(dir + "/later.state");
  double next = library.run({a.x, a.t})[0].item();
  Library other = load_library(dir + "/libsine_step.so");
  EXPECT_NE(other.run({a.x, a.t})[0].item(), next);
  other.load(dir + "/later.state");
  EXPECT_EQ(other.run({a.x, a.t})[0].item(), next);
}

TEST_F(Export, C136_NothingChangesWhenExporting) {
  Training a;
  auto step = a.step();
  a.model(a.x); // draws the weights
  std::vector<double> w = a.model.params()[0].to_vector();
  export_library(step, dir + "/fresh", {a.x, a.t});
  EXPECT_EQ(a.model.params()[0].to_vector(), w);
  EXPECT_FALSE(a.model.params()[0].grad().defined());
  EXPECT_EQ(load_library(dir + "/libfresh.so").run({a.x, a.t})[0].item(),
            step(a.x, a.t).item());
}

TEST_F(Export, C136_EmbeddedWeights) {
  Training a;
  auto predict = compile([&](const Variable &x) { return a.model(x); });
  export_library(predict, dir + "/predict", {a.x}, {.embed_weights = true});
  fs::remove(dir + "/predict.state");
  Library library = load_library(dir + "/libpredict.so");
  EXPECT_TRUE(library.state_names().empty());
  EXPECT_EQ(library.run({a.x})[0].to_vector(), predict(a.x).to_vector());
}

TEST_F(Export, C136_ResultsAndStatesOfAllKinds) {
  Parameter p{array({1.0, 2.0})}, q{array({3.0, 4.0})};
  Variable table = array({10.0, 20.0});
  auto f = compile([&](const Variable &x) {
    Variable y = p * x + table;
    Variable old = p * 1.0;
    p.assign(q);
    q.assign(old);
    return Variables{y, y * 2.0, x};
  });
  Variable x = array({5.0, 6.0});
  export_library(f, dir + "/swap", {x});
  Library library = load_library(dir + "/libswap.so");
  for (int i = 0; i < 3; ++i) {
    Variables a = f(x), b = library.run({x});
    ASSERT_EQ(b.size(), 3u);
    for (size_t k = 0; k < 3; ++k)
      EXPECT_EQ(a[k].to_vector(), b[k].to_vector()) << i << " " << k;
  }
}

TEST_F(Export, C136_PureFunction) {
  Parameter w{array({2.0, 3.0})};
  auto f = compile([&](const Variable &x) { return x * w; }, {.pure = true});
  Variable x = array({5.0, 6.0});
  f(x);
  export_library(f, dir + "/pure", {x});
  EXPECT_EQ(load_library(dir + "/libpure.so").run({x})[0].to_vector(),
            f(x).to_vector());
  EXPECT_EQ(f.compile_count(), 1);
}

TEST_F(Export, C136_Errors) {
  Training a;
  auto step = a.step();
  step(a.x, a.t);
  EXPECT_THROW(export_library(step, "/proc/nowhere/x", {a.x, a.t}), IOError);
  EXPECT_THROW(export_library(step, dir + "/9lives", {a.x, a.t}), ValueError);
  EXPECT_THROW(export_library(step, dir + "/one", {a.x}), UserError);
  EXPECT_FALSE(fs::exists(dir + "/libone.so"));
  EXPECT_THROW(load_library(dir + "/libmissing.so"), IOError);
  fs::create_directories(dir);
  std::ofstream(dir + "/libbad.so") << "no library";
  EXPECT_THROW(load_library(dir + "/libbad.so"), IOError);

  export_library(step, dir + "/good", {a.x, a.t});
  fs::copy_file(dir + "/good.state", dir + "/kept.state");
  {
    std::fstream file(dir + "/good.state",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.put(77);
  }
  EXPECT_THROW(load_library(dir + "/libgood.so"), IOError);
  fs::remove(dir + "/good.state");
  Library library = load_library(dir + "/libgood.so");
  EXPECT_THROW(library.run({a.x}), ValueError);
  EXPECT_THROW(library.run({a.x, a.t, a.t}), ValueError);
  EXPECT_THROW(library.run({a.x, a.t.astype(f64)}), ValueError);
  EXPECT_THROW(library.run({a.x, zeros({3, 1}, {.dtype = f32})}), ValueError);
  // Zeros are not the weights.
  EXPECT_THROW(library.run({a.x, a.t}), ValueError);
  library.load(dir + "/kept.state");
  EXPECT_NO_THROW(library.run({a.x, a.t}));
  // The function still works after all this.
  EXPECT_NO_THROW(step(a.x, a.t));
  EXPECT_EQ(step.compile_count(), 1);
}

TEST_F(Export, ResultsWithoutContents) {
  Variable x = array({1.0}), other = array({2.0});
  auto constant =
      compile([](const Variable &x) { return Variables{x * 2.0, ones({2})}; });
  auto empty = compile(
      [&](const Variable &x) { return Variables{grad(sum(x), {other})[0]}; });
  auto message_of = [&](auto &f) -> std::string {
    try {
      export_library(f, dir + "/none", {x});
    } catch (const UserError &e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_THAT(message_of(constant),
              AllOf(HasSubstr("export_library: result 1 is an array that"),
                    HasSubstr("[ExportTest.cpp:")));
  EXPECT_THAT(message_of(empty),
              AllOf(HasSubstr("export_library: result 0 is an empty Variable"),
                    HasSubstr("[ExportTest.cpp:")));
}

/// A run that fails leaves states as they were: the weights survive one bad
/// index, also one that is computed.
TEST_F(Export, C135_FailuresLeaveStates) {
  struct Net : Model {
    EmbedID e{*this, "e", 10, 4};
    Linear l{*this, "l", 3};
    Variable forward(const Variable &x) override { return l(tanh(e(x))); }
  } net;
  Adam optimizer;
  optimizer.setup(net);
  auto step = compile([&](const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(net(x + 1), t * 1);
    net.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  });
  Variable x = array({1, 2, 3}), t = array({0, 1, 2});
  step(x, t);
  export_library(step, dir + "/words", {x, t});
  Library library = load_library(dir + "/libwords.so");
  auto contents = [&] {
    std::vector<std::vector<double>> all;
    for (const std::string &name : library.state_names())
      all.push_back(library.get_state(name).to_vector());
    for (const auto &[path, parameter] : net.named_params())
      all.push_back(parameter->to_vector());
    for (const auto &[path, array] : optimizer.state())
      all.push_back(array.to_vector());
    return all;
  };
  auto before = contents();
  Variable far = array({1, 9, 3}), none = array({0, 1, 3});
  // The header has the line of the operation that the error names.
  std::string text;
  try {
    library.run({far, t});
  } catch (const ValueError &e) {
    text = e.what();
  }
  EXPECT_THAT(text, HasSubstr("index 10 is out of range for extent 10 (op"));
  size_t number = text.find("operation ") + 10;
  std::ifstream header(dir + "/words.h");
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(header), {}),
              HasSubstr("\n|*   " +
                        text.substr(number, text.find(' ', number) - number) +
                        "  gather  ExportTest.cpp:"));
  EXPECT_THROW(library.run({x, none}), ValueError);
  EXPECT_THROW(step(far, t), ValueError);
  EXPECT_THROW(step(x, none), ValueError);
  EXPECT_EQ(contents(), before);
  EXPECT_EQ(library.run({x, t})[0].item(), step(x, t).item());
  EXPECT_NE(contents(), before);
}

} // namespace

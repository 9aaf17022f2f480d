//===- ExportTest.cpp - libraries for batches of any size -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Extents.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace extents;
namespace fs = std::filesystem;
using testing::HasSubstr;

namespace {

struct OpenExport : testing::Test {
  std::string dir;
  void SetUp() override {
    dir = testing::TempDir() + "/open_export_" +
          testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir);
  }
  void TearDown() override { fs::remove_all(dir); }
  std::string text(const std::string &file) const {
    std::ifstream in(dir + "/" + file);
    std::stringstream s;
    s << in.rdbuf();
    return s.str();
  }
};

struct Training {
  MLP model{{12, 3}, sigmoid};
  SGD optimizer{{.lr = 0.1}};
  Training() {
    random::seed(0);
    optimizer.setup(model);
  }
  auto step() {
    return [this](const Variable &x, const Variable &t) {
      Variable loss = softmax_cross_entropy(model(x), t);
      model.clear_grads();
      loss.backward();
      optimizer.update();
      return loss;
    };
  }
};

std::pair<Variable, Variable> batch_of(int n) {
  return {draw({n, 5}), random::randint(0, 3, {n})};
}

// What a user of the library writes: three batches, one program.
constexpr const char *program = R"(
#include "open_step.h"
#include <stdio.h>
#include <string.h>
static float x[100 * 5];
static int64_t t[101];
static etch_status_t step(open_step_t *self, int64_t n, int64_t m, float *loss) {
  int64_t xe[] = {n, 5}, xs[] = {5, 1}, te[] = {m}, ts[] = {1};
  etch_tensor_t in[2] = {{x, xe, xs, ETCH_F32, 2}, {t, te, ts, ETCH_I64, 1}};
  etch_tensor_t out[1] = {{loss, 0, 0, ETCH_F32, 0}};
  return open_step_run(self, in, 2, out, 1);
}
int main(int argc, char **argv) {
  open_step_t *self;
  float loss;
  int sizes[] = {100, 7, 1}, i;
  (void)argc;
  for (i = 0; i < 500; ++i)
    x[i] = (float)((i * 37) % 101) / 101;
  for (i = 0; i < 101; ++i)
    t[i] = i % 3;
  if (open_step_init(&self) || open_step_load(self, argv[1]))
    return 1;
  for (i = 0; i < 3; ++i) {
    unsigned bits;
    if (step(self, sizes[i], sizes[i], &loss)) {
      puts(open_step_error(self));
      return 2;
    }
    memcpy(&bits, &loss, 4);
    printf("%08x ", bits);
  }
  if (step(self, 7, 8, &loss) != ETCH_ERROR_ARGUMENT)
    return 3;
  puts(open_step_error(self));
  open_step_free(self);
  return 0;
}
)";

} // namespace

TEST_F(OpenExport, C133_OneLibraryForAllBatches) {
  Training a;
  auto step = compile(a.step());
  auto [x, t] = batch_of(20);
  step(x, t);
  auto [x7, t7] = batch_of(7);
  step(x7, t7);
  export_library(step, dir + "/open_step", {x, t});
  EXPECT_THAT(text("open_step.h"), HasSubstr("float (n, 5)"));
  EXPECT_THAT(text("open_step.h"), HasSubstr("int64_t (n,)"));
  Library library = load_library(dir + "/libopen_step.so");
  for (int n : {100, 7, 1, 20}) {
    auto [bx, bt] = batch_of(n);
    expect_same_bits(library.run({bx, bt})[0], step(bx, bt),
                     "batch " + std::to_string(n));
  }
  EXPECT_EQ(step.compile_count(), 1);
  try {
    library.run({draw({7, 5}), random::randint(0, 3, {8})});
    ADD_FAILURE();
  } catch (const ValueError &error) {
    EXPECT_THAT(error.what(), HasSubstr("expected extent 7 in axis 0"));
  }
}

TEST_F(OpenExport, C133_PlainC) {
  if (std::system("cc --version > /dev/null 2>&1"))
    GTEST_SKIP() << "no C compiler";
  Training a;
  auto step = compile(a.step());
  auto [x, t] = batch_of(20);
  step.build(x, t);
  auto [x7, t7] = batch_of(7);
  step.build(x7, t7);
  export_library(step, dir + "/open_step", {x, t});
  std::ofstream(dir + "/main.c") << program;
  std::string build = "cc -std=c11 -o '" + dir + "/main' '" + dir +
                      "/main.c' -L'" + dir + "' -lopen_step -Wl,-rpath,'" +
                      dir + "'";
  ASSERT_EQ(std::system(build.c_str()), 0);
  std::string run =
      "'" + dir + "/main' '" + dir + "/open_step.state' > '" + dir + "/out'";
  ASSERT_EQ(std::system(run.c_str()), 0) << text("out");
  std::string expected;
  std::vector<float> numbers;
  std::vector<int64_t> classes;
  for (int i = 0; i < 500; ++i)
    numbers.push_back(float((i * 37) % 101) / 101);
  for (int i = 0; i < 100; ++i)
    classes.push_back(i % 3);
  for (int n : {100, 7, 1}) {
    Variable loss = step(
        from_data(std::span<const float>(numbers.data(), size_t(n) * 5),
                  {n, 5}),
        from_data(std::span<const int64_t>(classes.data(), size_t(n)), {n}));
    uint32_t bits;
    std::memcpy(&bits, loss.span<const float>().data(), 4);
    char word[16];
    std::snprintf(word, sizeof word, "%08x ", bits);
    expected += word;
  }
  EXPECT_THAT(text("out"), HasSubstr(expected));
  EXPECT_THAT(text("out"), HasSubstr("expected extent 7 in axis 0"));
}

TEST_F(OpenExport, C133_UnknownNumbersFixTheExtents) {
  Training a;
  auto step = compile(a.step());
  auto [x, t] = batch_of(20);
  step(x, t);
  export_library(step, dir + "/fixed_step", {x, t});
  EXPECT_THAT(text("fixed_step.h"), HasSubstr("float (20, 5)"));
  EXPECT_THAT(step.explain(), HasSubstr("all extents are fixed"));
}

TEST_F(OpenExport, C133_Inference) {
  MLP model({12, 3}, tanh);
  auto f = compile([&](const Variable &x) { return model(x); });
  export_library(f, dir + "/open_net", {draw({4, 5})});
  EXPECT_THAT(text("open_net.h"), HasSubstr("float (n, 3)"));
  Library library = load_library(dir + "/libopen_net.so");
  for (int n : {100, 7, 1}) {
    Variable x = draw({n, 5});
    expect_same_bits(library.run({x})[0], model(x), std::to_string(n));
  }
}

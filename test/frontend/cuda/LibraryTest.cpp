//===- LibraryTest.cpp - Programs whose products a library does -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In Mode::fast, where there is cuBLASLt or cuDNN. The emulated device has
// both.
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

#include <cmath>
#include <dlfcn.h>

using namespace etch;
using testing::HasSubstr;

namespace {

struct WithProducts : test::DeviceTest {
  void SetUp() override {
    test::DeviceTest::SetUp();
    if (!IsSkipped() && !cuda::no_products_reason().empty())
      GTEST_SKIP() << "NO CUBLASLT: " << cuda::no_products_reason();
  }
};

constexpr CompileOptions fast = {.device = {Device::Kind::cuda, 0},
                                 .mode = Mode::fast};

uint64_t library_calls() { return cuda::statistics().library_calls; }

Variable waves(const Shape &shape, DType dtype = f32) {
  Variable x = arange(0, shape.elements()).astype(dtype);
  return sin(x * 1.7).reshape(shape).detach();
}

void expect_near(const Variable &a, const Variable &b, double tolerance) {
  std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_NEAR(x[i], y[i], tolerance * (1 + std::abs(y[i]))) << i;
}

TEST_F(WithProducts, StrictProgramsAskNoLibrary) {
  Variable x = waves({4, 5}), w = waves({5, 8});
  uint64_t before = library_calls();
  auto f =
      compile([](const Variable &x, const Variable &w) { return matmul(x, w); },
              {.device = cuda(0)});
  EXPECT_EQ(test::bits_of(f(x, w)), test::bits_of(matmul(x, w)));
  EXPECT_EQ(library_calls(), before);
  auto g =
      compile([](const Variable &x, const Variable &w) { return matmul(x, w); },
              {.device = cuda(0), .mode = Mode::fast, .libraries = false});
  expect_near(g(x, w), matmul(x, w), 1e-6);
  EXPECT_EQ(library_calls(), before);
}

TEST_F(WithProducts, ProductsOfAnyForm) {
  auto products = [](const Variables &v) {
    return Variables{matmul(v[0], v[1]), matmul(v[0], v[2].T()),
                     matmul(v[3].T(), v[1]), tanh(matmul(v[0], v[1])) + v[4],
                     matmul(v[5], v[6])};
  };
  for (DType dtype : {f32, f64}) {
    Variables xs = {waves({4, 6}, dtype),   waves({6, 8}, dtype),
                    waves({8, 6}, dtype),   waves({6, 4}, dtype),
                    waves({4, 8}, dtype),   waves({3, 4, 5}, dtype),
                    waves({3, 5, 2}, dtype)};
    Variables expected = products(xs);
    auto f = compile(products, fast);
    for (int i = 0; i < 3; ++i) { // the last one is a graph
      uint64_t before = library_calls();
      Variables ys = f(xs);
      // One product feeds two results.
      EXPECT_GE(library_calls() + (i == 2 ? 4 : 0), before + 4) << i;
      for (size_t k = 0; k < ys.size(); ++k)
        expect_near(ys[k], expected[k], dtype == f32 ? 1e-5 : 1e-12);
    }
  }
}

Variable tanh_gelu(Operand x) { return gelu(x, Gelu::tanh); }

/// Steps of a network of such layers; its losses and weights.
std::vector<double> train(Variable (*activation)(Operand),
                          const CompileOptions &options, uint64_t *calls,
                          int64_t batch = 6) {
  random::seed(0);
  MLP model({24, 16, 8}, activation);
  Variable x = waves({batch, 10}).set_requires_grad(false),
           t = waves({batch, 8}).set_requires_grad(false);
  model(x);
  SGD optimizer({.lr = 0.1});
  optimizer.setup(model);
  auto step = test::compiled_step(model, optimizer, options);
  std::vector<double> result;
  for (int i = 0; i < 4; ++i) {
    uint64_t before = calls ? library_calls() : 0;
    result.push_back(step(x, t).item());
    if (calls && i == 0)
      *calls = library_calls() - before;
  }
  for (const Variable &p : model.params())
    for (double v : p.to_vector<double>())
      result.push_back(v);
  return result;
}

int fake_calls(const char *name) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  auto calls = driver ? reinterpret_cast<int (*)(const char *)>(
                            dlsym(driver, "etch_fake_calls"))
                      : nullptr;
  return calls ? calls(name) : -1;
}

TEST_F(WithProducts, AStepOfReluLayers) {
  std::vector<double> expected = train(relu, {}, nullptr);
  uint64_t calls = 0;
  int masks = fake_calls("cublasLt.relu_aux"),
      sums = fake_calls("cublasLt.bgrad"),
      gradients = fake_calls("cublasLt.drelu");
  std::vector<double> found = train(relu, fast, &calls);
  // Three layers: forward, gradients of three weights and of two inputs.
  EXPECT_EQ(calls, 8u);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 1e-4) << i;
  if (masks >= 0) {
    EXPECT_GT(fake_calls("cublasLt.relu_aux"), masks);
    EXPECT_GT(fake_calls("cublasLt.drelu"), gradients);
    EXPECT_GT(fake_calls("cublasLt.bgrad"), sums);
  }
}

TEST_F(WithProducts, AStepOfGeluLayers) {
  std::vector<double> expected = train(tanh_gelu, {}, nullptr);
  uint64_t calls = 0;
  int kept = fake_calls("cublasLt.gelu_aux"),
      sums = fake_calls("cublasLt.dgelu_bgrad");
  std::vector<double> found = train(tanh_gelu, fast, &calls);
  EXPECT_EQ(calls, 8u);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 1e-4) << i;
  // Two layers have a gelu.
  if (kept >= 0) {
    kept = fake_calls("cublasLt.gelu_aux") - kept;
    sums = fake_calls("cublasLt.dgelu_bgrad") - sums;
    EXPECT_GE(kept, 4);
    EXPECT_EQ(kept % 2, 0);
    EXPECT_EQ(sums, kept);
  }
}

TEST_F(WithProducts, GelusWithoutALibraryThatHasThem) {
  // Whatever the library refuses: the forward way, the gradients' way, both.
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  auto fail = reinterpret_cast<void (*)(const char *, int, int)>(
      dlsym(driver, "etch_fake_fail"));
  if (!fail)
    GTEST_SKIP() << "a real library does not refuse what it is asked to";
  for (int refused : {1, 2, 3}) {
    // Plans are kept: each time other ones are made.
    int64_t batch = 6 + refused;
    std::vector<double> expected = train(tanh_gelu, {}, nullptr, batch);
    if (refused & 1)
      fail("cublasLt.no_gelu", 15, 0);
    if (refused & 2)
      fail("cublasLt.no_dgelu", 15, 0);
    int kept = fake_calls("cublasLt.gelu_aux"),
        sums = fake_calls("cublasLt.dgelu_bgrad");
    std::vector<double> found = train(tanh_gelu, fast, nullptr, batch);
    EXPECT_EQ(fake_calls("cublasLt.gelu_aux") > kept, !(refused & 1));
    EXPECT_EQ(fake_calls("cublasLt.dgelu_bgrad") > sums, !(refused & 2));
    fail("cublasLt.no_gelu", 0, 0);
    fail("cublasLt.no_dgelu", 0, 0);
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], expected[i], 1e-4) << refused << ", " << i;
  }
}

TEST_F(WithProducts, GelusOfInference) {
  auto f = [](const Variables &v) {
    NoGrad scope;
    Variable h = gelu(matmul(v[0], v[1]) + v[2], Gelu::tanh);
    return Variables{h, gelu(matmul(h, v[3]), Gelu::tanh)};
  };
  Variables xs = {waves({6, 10}), waves({10, 16}), waves({16}), waves({16, 8})},
            expected = f(xs);
  auto gelus = [] {
    return fake_calls("cublasLt.gelu") + fake_calls("cublasLt.gelu_aux");
  };
  int before = gelus();
  Variables found = compile(f, fast)(xs);
  for (size_t i = 0; i < found.size(); ++i)
    expect_near(found[i], expected[i], 1e-5);
  if (before >= 0) {
    EXPECT_EQ(gelus(), before + 2);
  }
}

TEST_F(WithProducts, GelusWithABiasOfTheirOwn) {
  // Of few columns, the bias is in the gelu's kernel.
  auto f = [](const Variables &v) {
    NoGrad scope;
    return gelu(matmul(v[0], v[1]) + v[2], Gelu::tanh);
  };
  Variables xs = {waves({6, 10}), waves({10, 8}), waves({8})};
  Variable expected = f(xs);
  auto gelus = [] {
    return fake_calls("cublasLt.gelu") + fake_calls("cublasLt.gelu_aux");
  };
  int before = gelus();
  expect_near(compile(f, fast)(xs), expected, 1e-5);
  if (before >= 0) {
    EXPECT_EQ(gelus(), before + 1);
  }
}

TEST_F(WithProducts, SumsOfOperandsComeAlong) {
  // As of a gradient whose weights lie as (out, in): it is on the left.
  auto f = [](const Variables &v) {
    Variable y = matmul(v[0].T(), v[1]);
    return Variables{y, matmul(sum(v[0], {0}).reshape({1, 16}), v[2])};
  };
  Variables xs = {waves({6, 16}), waves({6, 10}), waves({16, 2})},
            expected = f(xs);
  int before = fake_calls("cublasLt.bgradb");
  Variables found =
      compile(f, {.device = cuda(0), .mode = Mode::fast, .dynamic = false})(xs);
  for (size_t i = 0; i < found.size(); ++i)
    expect_near(found[i], expected[i], 1e-5);
  if (before >= 0) {
    EXPECT_GT(fake_calls("cublasLt.bgradb"), before);
  }
}

TEST_F(WithProducts, PrecisionIsAChoice) {
  Variable x = waves({32, 64}), w = waves({64, 16});
  Variable expected = matmul(x, w);
  auto error = [&](Precision precision) {
    auto f = compile(
        [](const Variable &x, const Variable &w) { return matmul(x, w); },
        {.device = cuda(0), .mode = Mode::fast, .precision = precision});
    double worst = 0;
    std::vector<double> a = f(x, w).to_vector<double>(),
                        b = expected.to_vector<double>();
    for (size_t i = 0; i < a.size(); ++i)
      worst = std::max(worst, std::abs(a[i] - b[i]));
    return worst;
  };
  EXPECT_LT(error(Precision::full), 1e-5);
  double tf32 = error(Precision::tf32), bf16 = error(Precision::bf16);
  EXPECT_GT(tf32, 1e-5);
  EXPECT_LT(tf32, 0.02);
  EXPECT_GT(bf16, tf32);
  EXPECT_LT(bf16, 0.2);
}

TEST_F(WithProducts, FailuresAreErrorsOfTheirLine) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  auto fail = reinterpret_cast<void (*)(const char *, int, int)>(
      dlsym(driver, "etch_fake_fail"));
  if (!fail)
    GTEST_SKIP() << "a real library does not fail when it is asked to";
  auto f = compile(
      [](const Variable &x, const Variable &w) { return matmul(x, w) * 3.0; },
      fast);
  Variable x = waves({4, 6}), w = waves({6, 7});
  fail("cublasLtMatmul", 13, 0);
  try {
    f(x, w);
    FAIL() << "no error";
  } catch (const DeviceError &e) {
    EXPECT_THAT(e.what(), HasSubstr("cuBLASLt cannot do the product"));
    EXPECT_THAT(e.what(), HasSubstr("LibraryTest.cpp:"));
  }
  expect_near(f(x, w), matmul(x, w) * 3.0, 1e-5);
}

TEST_F(WithProducts, ConvolutionsAndTheirGradients) {
  if (!cuda::no_convolutions_reason().empty())
    GTEST_SKIP() << "NO CUDNN: " << cuda::no_convolutions_reason();
  auto f = [](const Variables &v) {
    Variable x = v[0] * 1.0, w = v[1] * 1.0, b = v[2] * 1.0;
    Variable y = relu(conv2d(x, w, b, {.pad = 1}));
    Variable z = conv2d(y, v[3], {}, {.stride = 2});
    Variables g = grad(sum(tanh(z) * z), {x, w, b});
    return Variables{z, tanh(conv2d(x, w, b)), g[0], g[1], g[2]};
  };
  Variables xs = {waves({2, 3, 7, 8}), waves({4, 3, 3, 3}), waves({4}),
                  waves({5, 4, 3, 3})};
  for (Variable &x : xs)
    x.set_requires_grad(true);
  Variables expected = f(xs);
  auto compiled = compile(f, fast);
  for (int i = 0; i < 3; ++i) {
    uint64_t before = library_calls();
    Variables ys = compiled(xs);
    if (i == 0) { // forward three times, and the gradients of two
      EXPECT_GE(library_calls(), before + 6);
    }
    for (size_t k = 0; k < ys.size(); ++k)
      expect_near(ys[k], expected[k], 1e-4);
  }
  // Where the library has no engine, our kernels are there.
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  if (auto fail = reinterpret_cast<void (*)(const char *, int, int)>(
          dlsym(driver, "etch_fake_fail"))) {
    auto g = compile(
        [](const Variables &v) {
          return Variables{relu(conv2d(v[0], v[1], v[2], {.stride = 3}))};
        },
        fast);
    fail("cudnnPlan", 3000, 0);
    expect_near(g(xs)[0], relu(conv2d(xs[0], xs[1], xs[2], {.stride = 3})),
                1e-5);
  }
}

TEST(Precisions, AreForFastPrograms) {
  auto f = [](const Variable &x) { return x * 2.0; };
  try {
    compile(f, {.mode = Mode::fast, .precision = Precision::tf32});
    FAIL() << "no error";
  } catch (const UserError &e) {
    EXPECT_THAT(e.what(), HasSubstr("Precision::tf32 is for graphics "
                                    "processors"));
    EXPECT_THAT(e.what(), HasSubstr("LibraryTest.cpp:"));
  }
  try {
    compile(f, {.precision = Precision::bf16});
    FAIL() << "no error";
  } catch (const UserError &e) {
    EXPECT_THAT(e.what(), HasSubstr(".precision is for .mode = Mode::fast: "));
  }
}

} // namespace

//===- BackEndTest.cpp - The same bits from another back end --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs that the front end records, run by the CPU's code and by the
// interpreter from equal contents: results and states agree bit for bit.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Client/Client.h"
#include "etch/etch.h"
#include "etch/host.h"
#include "test/backend/Interpreter.h"

#include <cmath>
#include <cstring>
#include <gmock/gmock.h>

using namespace etch;
using testing::HasSubstr;

namespace {

/// All arguments and results of one run.
struct Contents {
  std::vector<std::vector<char>> arrays;
  std::vector<void *> pointers() {
    std::vector<void *> all;
    for (std::vector<char> &array : arrays)
      all.push_back(array.data());
    return all;
  }
};

int64_t elements(const etch_param_t &p) {
  int64_t n = 1;
  for (int32_t axis = 0; axis < p.rank; ++axis)
    n *= p.extents[axis];
  return n;
}
Contents empty(const etch_param_t *params, int32_t count) {
  Contents all;
  for (int32_t i = 0; i < count; ++i)
    all.arrays.emplace_back(size_t(elements(params[i])) *
                            etch_dtype_size(params[i].dtype));
  return all;
}
/// Sines, or zeros and ones.
Contents filled(const etch_param_t *params, int32_t count) {
  Contents all = empty(params, count);
  for (int32_t i = 0; i < count; ++i)
    for (int64_t k = 0; k < elements(params[i]); ++k) {
      char *at = all.arrays[size_t(i)].data();
      double x = std::sin(double(7 * i + k + 1));
      switch (params[i].dtype) {
      case ETCH_F32:
        reinterpret_cast<float *>(at)[k] = float(x);
        break;
      case ETCH_F64:
        reinterpret_cast<double *>(at)[k] = x;
        break;
      case ETCH_I64:
        reinterpret_cast<int64_t *>(at)[k] = x > 0;
        break;
      default:
        at[k] = x > 0;
      }
    }
  return all;
}

std::vector<etch_tensor_t> tensors(Contents &contents,
                                   const etch_param_t *params,
                                   std::vector<std::vector<int64_t>> &strides) {
  std::vector<etch_tensor_t> all;
  for (size_t i = 0; i < contents.arrays.size(); ++i) {
    const etch_param_t &p = params[i];
    strides.emplace_back(size_t(p.rank) + 1, 1);
    for (int32_t axis = p.rank; axis-- > 1;)
      strides.back()[size_t(axis) - 1] =
          strides.back()[size_t(axis)] * p.extents[axis];
    all.push_back({contents.arrays[i].data(), p.extents, strides.back().data(),
                   p.dtype, p.rank});
  }
  return all;
}

/// Both back ends on the program that f is for these arguments.
template <class F, class... A> void expect_same_bits(F f, const A &...args) {
  auto compiled = compile(f, {.dynamic = false});
  compiled.build(args...);
  std::string program = compiled.program();
  driver::CompileResult code = driver::compile(program);
  ASSERT_TRUE(code) << program;
  const etch_module_t &module = code.module->module();
  Contents in = filled(module.args, module.num_args), other_in = in;
  Contents out = empty(module.results, module.num_results), other_out = out;

  std::vector<std::vector<int64_t>> strides;
  strides.reserve(100);
  std::vector<etch_tensor_t> arguments = tensors(in, module.args, strides);
  std::vector<etch_tensor_t> results = tensors(out, module.results, strides);
  etch_call_t call = {};
  call.args = arguments.data();
  call.num_args = module.num_args;
  call.results = results.data();
  call.num_results = module.num_results;
  call.host = etch_serial_host();
  call.arena_bytes = module.arena_bytes(&call);
  std::vector<char> arena(size_t(call.arena_bytes) + 64);
  call.arena =
      arena.data() + 64 - reinterpret_cast<uintptr_t>(arena.data()) % 64;
  ASSERT_EQ(module.run(&call), ETCH_OK);

  EXPECT_EQ(
      backend::interpret(program, other_in.pointers(), other_out.pointers()),
      "")
      << program;
  for (auto [cpu, other] : {std::pair(&in, &other_in), {&out, &other_out}})
    for (size_t i = 0; i < cpu->arrays.size(); ++i)
      EXPECT_TRUE(cpu->arrays[i] == other->arrays[i]) << i << program;
  for (const std::vector<char> &result : out.arrays)
    EXPECT_FALSE(result == std::vector<char>(result.size())) << "only zeros";
}

Variable array_of(const Shape &shape, DType dtype = f32) {
  return zeros(shape, {.dtype = dtype});
}

TEST(BackEnd, Formulas) {
  for (DType dtype : {f32, f64})
    expect_same_bits(
        [](const Variable &x, const Variable &y) {
          Variable z = tanh(x) * exp(y) / (1.5 + abs(x)) - pow(y, 3);
          Variable w = where(x > y, sigmoid(z), log(abs(z) + 0.1));
          return Variables{w.T() + sin(x).T(), sqrt(abs(w)), cos(z),
                           (x > y).astype(f32)};
        },
        array_of({5, 7}, dtype), array_of({5, 7}, dtype));
}

TEST(BackEnd, SumsAndProducts) {
  for (DType dtype : {f32, f64})
    expect_same_bits(
        [](const Variable &x, const Variable &w) {
          Variable y = matmul(x, w.T());
          return Variables{y, sum(x), sum(x, {.axis = {0}}),
                           sum(y, {.axis = {1}, .keepdims = true}) * y,
                           matmul(x[0], w[1])};
        },
        array_of({3, 5000}, dtype), array_of({4, 5000}, dtype));
}

TEST(BackEnd, TrainingStep) {
  MLP model({10, 10, 1}, tanh);
  model(array_of({20, 2}));
  auto optimizer = Adam().setup(model);
  expect_same_bits(
      [&](const Variable &x, const Variable &t) {
        Variable loss = mean_squared_error(model(x), t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
        return loss;
      },
      array_of({20, 2}), array_of({20, 1}));
}

TEST(BackEnd, SecondOrder) {
  expect_same_bits(
      [](const Variable &x) {
        Variable gx = grad(sum(tanh(x) * x), {x}, {.create_graph = true})[0];
        return Variables{gx, grad(sum(gx * gx), {x})[0]};
      },
      array_of({9}, f64));
}

TEST(BackEnd, LoopsAndBranches) {
  Parameter w(random::randn({3, 3}));
  expect_same_bits(
      [&](const Variable &xs, const Variable &h0) {
        auto body = [&](const Variable &h, const Variable &x) {
          Variable next = cond(
              sum(x) > sum(h), [&] { return tanh(matmul(h, w) + x); },
              [&] { return h * 0.5; });
          return std::pair(next, next);
        };
        auto [h, ys] = scan(body, h0, xs);
        // Numbers are arguments of a program, and filled like all others.
        Variable root =
            while_loop([](const Variable &s) { return sum(s * s) > 1e-3; },
                       [](const Variable &s) { return s * 0.5; }, h,
                       {.max_iterations = 9});
        w.clear_grad();
        sum(ys).backward();
        return Variables{h, ys, root, w.grad()};
      },
      array_of({6, 2, 3}, f64), array_of({2, 3}, f64));
}

// y = tanh(x³), its gradient, and the gradient of that, as one program.
TEST(PlugIn, C146_AnOperationOfAnotherDialect) {
  std::string program = R"(
func.func @main(%x: tensor<3xf64>, %g: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) {
  %c = "plug.cube"(%x) : (tensor<3xf64>) -> tensor<3xf64>
  %y = etch.tanh %c : (tensor<3xf64>) -> tensor<3xf64>
  %gx = etch.gradient %y by %g wrt %x : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  %ggx = etch.gradient %gx by %g wrt %x : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  func.return %y, %gx, %ggx : tensor<3xf64>, tensor<3xf64>, tensor<3xf64>
})";
  double x[3] = {-0.5, 0.25, 1.5}, g[3] = {1, 1, 1}, y[3], gx[3], ggx[3];
  ASSERT_EQ(
      backend::interpret(program, {x, g}, {y, gx, ggx}, backend::addPlugIn),
      "");
  for (int i = 0; i < 3; ++i) {
    double c = std::pow(x[i], 3), t = std::tanh(c), slope = 3 * x[i] * x[i];
    EXPECT_NEAR(y[i], t, 1e-15);
    EXPECT_NEAR(gx[i], (1 - t * t) * slope, 1e-14);
    EXPECT_NEAR(ggx[i], (1 - t * t) * (6 * x[i] - 2 * t * slope * slope),
                1e-13);
  }
  // Without it, the parser does not know the op.
  EXPECT_THAT(backend::interpret(program, {x, g}, {y, gx, ggx}),
              HasSubstr("unregistered"));
}

TEST(BackEnd, WhatItLacksIsNamed) {
  auto f = compile([](const Variable &x) { return cumsum(x, 0); },
                   {.dynamic = false});
  f.build(array_of({3}));
  float x[3] = {}, y[3] = {};
  EXPECT_THAT(backend::interpret(f.program(), {x}, {y}),
              HasSubstr("etch.cumsum"));
  EXPECT_NE(backend::interpret("func.func @main() { nonsense }", {}, {}), "");
}

} // namespace

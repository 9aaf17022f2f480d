//===- RerollTest.cpp - unrolled repetitions become loops -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The function repeats a layer in an ordinary loop of C++; its program has one
// loop forwards and one backwards, whatever the number of rounds, and the bits
// of eager mode.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <gmock/gmock.h>

#include <cstring>
#include <functional>

using namespace etch;

namespace {
constexpr int64_t N = 3, H = 10;

struct Result {
  int kernels = 0, launches = 0, compiles = 0;
};
using Function = std::function<Variables(const Variables &)>;

Variables copies(const Variables &xs) {
  Variables all;
  for (const Variable &x : xs) {
    all.push_back(zeros_like(x));
    all.back().assign(x);
  }
  return all;
}

void expect_same(const Variable &a, const Variable &b, const char *what,
                 size_t i) {
  ASSERT_EQ(a.defined(), b.defined()) << what << ' ' << i;
  if (!a.defined())
    return;
  std::vector<double> x = a.to_vector(), y = b.to_vector();
  ASSERT_EQ(x.size(), y.size());
  EXPECT_EQ(std::memcmp(x.data(), y.data(), 8 * x.size()), 0)
      << what << ' ' << i;
}

/// f, eagerly and compiled: the same results and gradients, to the bit.
Result expect_bits_of_eager(const Function &f, const Variables &inputs) {
  Variables a = copies(inputs), b = copies(inputs);
  Variables eager = f(a);
  auto program = compile([&](const Variables &xs) { return f(xs); });
  Variables compiled = program(b);
  for (size_t i = 0; i < eager.size(); ++i)
    expect_same(eager[i], compiled[i], "result", i);
  for (size_t i = 0; i < a.size(); ++i)
    expect_same(a[i].grad(), b[i].grad(), "gradient", i);
  return {program.num_kernels(), program.num_launches(),
          program.compile_count()};
}

/// x, t, the weights, the first state.
Variables window(int64_t steps) {
  random::seed(7);
  auto draw = [](Shape shape) { return random::randn(shape) * 0.3; };
  return {draw({steps, N, 2}), draw({steps, N, 1}), draw({2, H}), draw({H, H}),
          draw({H}),           draw({H, 1}),        draw({N, H})};
}

Variable cell(const Variables &v, int64_t t, const Variable &h) {
  return tanh(matmul(v[0][t], v[2]) + v[4] + matmul(h, v[3]));
}

Variables rnn(const Variables &v) {
  Variable h = v[6], loss = 0.0;
  for (int64_t t = 0; t < v[0].len(); ++t) {
    h = cell(v, t, h);
    loss = loss + mean_squared_error(matmul(h, v[5]), v[1][t]);
  }
  loss.backward();
  return {loss, h};
}
} // namespace

TEST(Reroll, AsManyKernelsForThirtyStepsAsForFive) {
  Result five = expect_bits_of_eager(rnn, window(5)),
         thirty = expect_bits_of_eager(rnn, window(30));
  EXPECT_EQ(five.kernels, thirty.kernels);
  EXPECT_EQ(five.launches, thirty.launches);
  EXPECT_LT(thirty.launches, 40);
}

TEST(Reroll, Lstm) {
  Variables inputs = window(12);
  random::seed(8);
  inputs.push_back(random::randn({N, H}) * 0.3);
  for (int i = 0; i < 4; ++i)
    for (Shape shape : {Shape{2, H}, Shape{H, H}, Shape{H}})
      inputs.push_back(random::randn(shape) * 0.3);
  Result result = expect_bits_of_eager(
      [](const Variables &v) {
        Variable h = v[6], c = v[7], loss = 0.0;
        for (int64_t t = 0; t < v[0].len(); ++t) {
          auto gate = [&](size_t i) {
            return matmul(v[0][t], v[8 + 3 * i]) + v[10 + 3 * i] +
                   matmul(h, v[9 + 3 * i]);
          };
          c = sigmoid(gate(0)) * c + sigmoid(gate(1)) * tanh(gate(2));
          h = sigmoid(gate(3)) * tanh(c);
          loss = loss + mean_squared_error(matmul(h, v[5]), v[1][t]);
        }
        loss.backward();
        return Variables{loss, h, c};
      },
      inputs);
  EXPECT_LT(result.launches, 120);
}

TEST(Reroll, WeightsThatAreUsedBeforeAndAfter) {
  expect_bits_of_eager(
      [](const Variables &v) {
        Variable h = tanh(matmul(v[6], v[3])), loss = sum(matmul(h, v[5]));
        for (int64_t t = 0; t < v[0].len(); ++t) {
          h = cell(v, t, h);
          loss = loss + sum(square(matmul(h, v[5]) - v[1][t]));
        }
        loss =
            loss + sum(square(matmul(h, v[3]))) + sum(v[3] * v[3]) + sum(v[0]);
        loss.backward();
        return Variables{loss};
      },
      window(8));
}

TEST(Reroll, NoFirstState) {
  Result result = expect_bits_of_eager(
      [](const Variables &v) {
        Variable h, loss;
        for (int64_t t = 0; t < v[0].len(); ++t) {
          Variable p = matmul(v[0][t], v[2]) + v[4];
          h = tanh(h.defined() ? p + matmul(h, v[3]) : p);
          Variable l = sum(square(matmul(h, v[5]) - v[1][t]));
          loss = loss.defined() ? loss + l : l;
        }
        loss.backward();
        return Variables{loss, h};
      },
      window(20));
  EXPECT_LT(result.launches, 60);
}

TEST(Reroll, BackwardsInTime) {
  expect_bits_of_eager(
      [](const Variables &v) {
        Variable h = v[6];
        for (int64_t t = v[0].len(); t-- > 0;)
          h = cell(v, t, h);
        sum(h * v[6]).backward();
        return Variables{h};
      },
      window(9));
}

TEST(Reroll, OutputsOfEachStep) {
  expect_bits_of_eager(
      [](const Variables &v) {
        Variables ys;
        Variable h = v[6], loss = 0.0;
        for (int64_t t = 0; t < v[0].len(); ++t) {
          h = cell(v, t, h);
          ys.push_back(matmul(h, v[5]));
          loss = loss + sum(square(ys.back() - v[1][t]));
        }
        loss.backward();
        ys.push_back(loss);
        return ys;
      },
      window(10));
  expect_bits_of_eager( // which stay as they are
      [](const Variables &v) {
        Variables ys;
        Variable h = v[6];
        for (int64_t t = 0; t < v[0].len(); ++t) {
          h = cell(v, t, h);
          ys.push_back(matmul(h, v[5]));
        }
        Variable loss = sum(square(stack(ys) - v[1]));
        loss.backward();
        return Variables{loss};
      },
      window(10));
}

TEST(Reroll, TruncatedThroughTime) {
  Result result = expect_bits_of_eager(
      [](const Variables &v) {
        Variable h = v[6], all = 0.0;
        for (int64_t begin : {0, 10}) {
          Variable loss = 0.0;
          for (int64_t t = begin; t < begin + 10; ++t) {
            h = cell(v, t, h);
            loss = loss + mean_squared_error(matmul(h, v[5]), v[1][t]);
          }
          loss.backward();
          h = h.detach();
          all = all + loss.detach();
        }
        return Variables{all, h};
      },
      window(20));
  EXPECT_LT(result.launches, 90);
}

TEST(Reroll, SecondOrderHasTheBitsOfEagerMode) {
  expect_bits_of_eager(
      [](const Variables &v) {
        Variable h = v[6];
        for (int64_t t = 0; t < v[0].len(); ++t)
          h = cell(v, t, h);
        Variable g = grad(sum(h * h), {v[3]}, {.create_graph = true})[0];
        sum(g * g).backward();
        return Variables{g};
      },
      window(6));
}

// One argument of the program stands for numbers from one line that are equal.
TEST(Reroll, NumbersThatAreNoLongerEqual) {
  Variables inputs = window(6);
  std::vector<double> weights(6, 0.5);
  auto f = [&](const Variables &v) {
    Variable h = v[6], loss = 0.0;
    for (int64_t t = 0; t < v[0].len(); ++t) {
      h = cell(v, t, h);
      loss = loss + weights[size_t(t)] * sum(square(matmul(h, v[5]) - v[1][t]));
    }
    return loss;
  };
  auto program = compile(f);
  expect_same(f(inputs), program(inputs), "loss", 0);
  weights.assign(6, 0.25);
  expect_same(f(inputs), program(inputs), "loss", 1);
  EXPECT_EQ(program.compile_count(), 1);
  weights[3] = 2;
  expect_same(f(inputs), program(inputs), "loss", 2);
  EXPECT_EQ(program.compile_count(), 2);
  weights.assign(6, 0.25);
  weights[3] = 7;
  expect_same(f(inputs), program(inputs), "loss", 3);
  weights[1] = 3;
  expect_same(f(inputs), program(inputs), "loss", 4);
  EXPECT_EQ(program.trace_count(), 1);
}

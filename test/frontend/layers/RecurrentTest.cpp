//===- RecurrentTest.cpp - RNN, LSTM --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "test/runtime/TemporaryFolder.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <iostream>

using namespace etch;
using test::Json;
using test::near;
using test::TemporaryFolder;
using testing::ElementsAre;

namespace {

constexpr RecurrentOptions wide{.dtype = f64};

template <class L> struct Net : Model {
  L rnn;
  Linear fc{*this, "fc", 1, {.dtype = f64}};
  explicit Net(int64_t hidden) : rnn(*this, "rnn", hidden, wide) {}
  Variable forward(const Variable &x) override { return fc(rnn(x)); }
};
using SimpleRnn = Net<RNN>;
using BetterRnn = Net<LSTM>;

/// `steps` inputs (n, 1).
Variables sequence(int64_t steps, int64_t n = 2) {
  Variables xs;
  for (int64_t i = 0; i < steps; ++i)
    xs.push_back(sin(arange(0.0, double(n)) + double(i)).reshape(n, 1));
  return xs;
}

/// Sum of the squared errors over a window; forward only.
template <class N> Variable window(N &net, const Variables &xs) {
  Variable loss;
  for (const Variable &x : xs) {
    Variable own = mean_squared_error(net(x), x * 0.5);
    loss = loss.defined() ? loss + own : own;
  }
  return loss;
}

TEST(Recurrent, C118_FirstStepIsWithoutTheState) {
  random::seed(0);
  RNN rnn(4, wide);
  Variable x = array({{0.5}, {-1.0}, {2.0}});
  EXPECT_FALSE(rnn.h().defined());
  Variable h1 = rnn(x);
  EXPECT_EQ(h1.shape(), (Shape{3, 4}));
  EXPECT_FALSE(rnn.h2h.W.defined()) << "not needed yet, so not drawn yet";
  EXPECT_EQ(h1.to_vector(), tanh(linear(x, rnn.x2h.W, rnn.x2h.b)).to_vector());
  EXPECT_TRUE(rnn.h().is(h1));
  Variable h2 = rnn(x);
  EXPECT_EQ(h2.to_vector(),
            tanh(linear(x, rnn.x2h.W, rnn.x2h.b) + matmul(h1, rnn.h2h.W))
                .to_vector());
  rnn.reset_state();
  EXPECT_FALSE(rnn.h().defined());
  EXPECT_EQ(rnn(x).to_vector(), h1.to_vector());
}

TEST(Recurrent, C118_AllStepsShareTheWeights) {
  SimpleRnn net(4);
  Variables xs = sequence(3);
  window(net, xs).backward();
  std::vector<std::string> paths;
  for (const Layer::Named &n : net.named_params())
    paths.push_back(n.path);
  EXPECT_THAT(paths, ElementsAre("rnn/x2h/W", "rnn/x2h/b", "rnn/h2h/W", "fc/W",
                                 "fc/b"));
  EXPECT_EQ(net.params().size(), 5u);
  Variable by_backward = net.rnn.x2h.W.grad();
  Variable weights = net.rnn.x2h.W;
  auto loss = [&](const Variable &w) {
    weights.assign(w);
    net.rnn.reset_state();
    return window(net, xs);
  };
  Variable start = weights + 0.0;
  EXPECT_TRUE(allclose(by_backward, numerical_grad(loss, start), {1e-6, 1e-8}));
}

TEST(Recurrent, GivenSizesAreDrawnAtOnce) {
  random::seed(0);
  RNN rnn(3, {.dtype = f64, .in_size = 2});
  random::seed(0);
  Variable x2h = random::randn({2, 3}) * std::sqrt(1.0 / 2),
           h2h = random::randn({3, 3}) * std::sqrt(1.0 / 3);
  EXPECT_EQ(rnn.x2h.W.to_vector(), x2h.to_vector());
  EXPECT_EQ(rnn.h2h.W.to_vector(), h2h.to_vector());
  // Of an LSTM those of the state are, in any case.
  LSTM lstm(3);
  EXPECT_EQ(lstm.h2f.W.shape(), (Shape{3, 3}));
  EXPECT_FALSE(lstm.x2f.W.defined());
  EXPECT_EQ(lstm.h2f.W.dtype(), f32);
}

TEST(Recurrent, C119_LstmIsTheFormula) {
  random::seed(0);
  LSTM lstm(5, wide);
  Variables xs = sequence(3, 4);
  Variable h, c;
  for (const Variable &x : xs) {
    Variable y = lstm(x);
    auto gate = [&](Linear &of_x, Linear &of_h) {
      Variable a = matmul(x, of_x.W) + of_x.b;
      return h.defined() ? a + matmul(h, of_h.W) : a;
    };
    Variable f = sigmoid(gate(lstm.x2f, lstm.h2f)),
             i = sigmoid(gate(lstm.x2i, lstm.h2i)),
             o = sigmoid(gate(lstm.x2o, lstm.h2o)),
             u = tanh(gate(lstm.x2u, lstm.h2u));
    c = c.defined() ? f * c + i * u : i * u;
    h = o * tanh(c);
    EXPECT_EQ(y.shape(), (Shape{4, 5}));
    EXPECT_EQ(y.to_vector(), h.to_vector());
    EXPECT_EQ(lstm.c().to_vector(), c.to_vector());
  }
  lstm.reset_state();
  EXPECT_FALSE(lstm.h().defined());
  EXPECT_FALSE(lstm.c().defined());
}

template <class N> void expect_windows_to_join() {
  random::seed(0);
  N net(6);
  Variables xs = sequence(60);
  double whole = window(net, xs).item();
  std::vector<double> last = net.rnn.h().to_vector();
  auto program =
      compile([&](const Variables &part) { return window(net, part); });
  Variables first(xs.begin(), xs.begin() + 30),
      second(xs.begin() + 30, xs.end());
  net.rnn.reset_state();
  double sum = program(first).item();
  sum += program(second).item();
  EXPECT_NEAR(sum, whole, 1e-13);
  EXPECT_EQ(net.rnn.h().to_vector(), last);
  // The first window and those that follow are different programs.
  EXPECT_EQ(program.compile_count(), 2);
  program(first), program(second);
  EXPECT_EQ(program.compile_count(), 2);
  net.rnn.reset_state();
  program(first);
  EXPECT_EQ(program.trace_count(), 2);
}
TEST(Recurrent, C120_TwoWindowsAreOne) {
  expect_windows_to_join<SimpleRnn>();
  expect_windows_to_join<BetterRnn>();
}

TEST(Recurrent, C120_TheStateOfAProgramIsExported) {
  random::seed(0);
  TemporaryFolder folder;
  SimpleRnn net(6);
  Variables xs = sequence(4);
  Variable x = xs[0];
  auto step = compile([&](const Variable &x) { return net(x); });
  step(x), step(x);
  export_library(step, folder / "rnn", {x});
  Library library = load_library(folder / "librnn.so");
  EXPECT_THAT(library.state_names(), testing::Contains("rnn/h"));
  for (const Variable &x : xs)
    EXPECT_EQ(library.run({x})[0].to_vector(), step(x).to_vector());
  EXPECT_EQ(library.get_state("rnn/h").to_vector(), net.rnn.h().to_vector());
}

/// Gradients of the weights after two windows of three steps, with a cut
/// between them or without one.
template <class N> std::vector<double> gradients(bool cut, bool compiled) {
  random::seed(0);
  N net(4);
  Variables xs = sequence(6);
  Variables first(xs.begin(), xs.begin() + 3), second(xs.begin() + 3, xs.end());
  auto body = [&](const Variables &part) {
    Variable loss = window(net, part);
    net.clear_grads();
    loss.backward();
    if (cut)
      loss.unchain_backward();
    return loss;
  };
  auto program = compile(body);
  for (const Variables *part : {&first, &second})
    compiled ? program(*part) : body(*part);
  std::vector<double> all;
  for (const Variable &p : net.params())
    for (double g : p.grad().to_vector())
      all.push_back(g);
  return all;
}

template <class N> void expect_truncation() {
  std::vector<double> cut = gradients<N>(true, false);
  EXPECT_NE(cut, gradients<N>(false, false));
  EXPECT_EQ(cut, gradients<N>(true, true));
  EXPECT_EQ(cut, gradients<N>(false, true)) << "a call is a window";
}
TEST(Recurrent, C121_NoGradientBeyondTheCut) {
  expect_truncation<SimpleRnn>();
  expect_truncation<BetterRnn>();
}

TEST(Recurrent, C121_WithoutACutItIsTheWholeSequence) {
  random::seed(0);
  SimpleRnn net(4);
  Variables xs = sequence(6);
  Variable weights = net.rnn.x2h.W;
  window(net, xs).backward();
  Variable whole = net.rnn.h2h.W.grad();
  net.clear_grads();
  net.rnn.reset_state();
  Variable loss;
  for (const Variable &x : xs) {
    Variable own = mean_squared_error(net(x), x * 0.5);
    loss = loss.defined() ? loss + own : own;
  }
  loss.backward();
  EXPECT_EQ(net.rnn.h2h.W.grad().to_vector(), whole.to_vector());
}

TEST(Recurrent, C121_ACutInsideAProgram) {
  auto run = [](bool compiled) {
    random::seed(0);
    SimpleRnn net(4);
    auto body = [&](const Variables &xs) {
      Variables losses;
      for (size_t i = 0; i < xs.size(); i += 3) {
        Variable loss = window(
            net, Variables(xs.begin() + long(i), xs.begin() + long(i) + 3));
        net.clear_grads();
        loss.backward();
        loss.unchain_backward();
        losses.push_back(loss);
      }
      losses.push_back(net.rnn.h2h.W.grad());
      return losses;
    };
    auto program = compile(body);
    Variables xs = sequence(6);
    Variables ys = compiled ? program(xs) : body(xs);
    std::vector<double> all;
    for (const Variable &y : ys)
      for (double v : y.to_vector())
        all.push_back(v);
    return all;
  };
  EXPECT_EQ(run(true), run(false));
}

TEST(Recurrent, BatchesOfAnotherSize) {
  SimpleRnn net(4);
  auto program = compile([&](const Variable &x) { return net(x); });
  Variable two = sequence(1, 2)[0], five = sequence(1, 5)[0];
  program(two), program(two);
  net.rnn.reset_state();
  EXPECT_EQ(program(five).shape(), (Shape{5, 1}));
  EXPECT_EQ(program(five).shape(), (Shape{5, 1}));
  EXPECT_EQ(net.rnn.h().shape(), (Shape{5, 4}));
}

TEST(Recurrent, AFailedCallLeavesTheLastState) {
  SimpleRnn net(4);
  bool fail = false;
  auto program = compile([&](const Variable &x) {
    Variable y = net(x);
    if (fail)
      throw std::runtime_error("no");
    return y;
  });
  Variable x = sequence(1)[0];
  program(x), program(x);
  std::vector<double> before = net.rnn.h().to_vector();
  fail = true;
  EXPECT_THROW(program(x), std::runtime_error);
  fail = false;
  EXPECT_EQ(net.rnn.h().to_vector(), before);
  SimpleRnn other(4);
  EXPECT_EQ(program(x).shape(), (Shape{2, 1}));
  EXPECT_NE(net.rnn.h().to_vector(), before);
  EXPECT_EQ(net(x).shape(), (Shape{2, 1}));
}

TEST(Recurrent, C136_EagerAndCompiledInTurn) {
  auto run = [](int which) {
    random::seed(0);
    BetterRnn net(4);
    auto body = [&](const Variable &x) { return net(x); };
    auto program = compile(body);
    std::vector<double> all;
    int i = 0;
    for (const Variable &x : sequence(8)) {
      bool compiled = which == 1 || (which == 2 && i % 3 != 0);
      Variable y = compiled ? program(x) : body(x);
      all.push_back(y.to_vector()[0]);
      ++i;
    }
    return all;
  };
  EXPECT_EQ(run(1), run(0));
  EXPECT_EQ(run(2), run(0));
}

TEST(Recurrent, C136_Check) {
  SimpleRnn net(4);
  auto program = compile([&](const Variable &x) { return net(x); });
  Variable x = sequence(1)[0];
  program(x), program(x);
  CheckReport report = program.check(x);
  EXPECT_TRUE(report) << report.difference;
}

/// Loss and gradients of a window of `steps` by scan(), or step by step.
template <class N, class Scan>
std::vector<double> scanned(int64_t steps, Scan scan_window, bool compiled) {
  random::seed(0);
  N net(4);
  window(net, sequence(2)); // draws the weights
  net.rnn.reset_state();
  auto body = [&](const Variable &xs) {
    Variable hs = scan_window(net.rnn, xs);
    Variable loss =
        mean_squared_error(net.fc(hs.reshape(-1, 4)), xs.reshape(-1, 1) * 0.5);
    net.clear_grads();
    loss.backward();
    return loss;
  };
  auto program = compile(body);
  Variable xs = stack(sequence(steps));
  std::vector<double> all{(compiled ? program(xs) : body(xs)).item()};
  for (const Variable &p : net.params())
    for (double g : p.grad().to_vector())
      all.push_back(g);
  return all;
}

TEST(Recurrent, C122_StepsOfScan) {
  auto rnn_steps = [](RNN &rnn, const Variable &xs) {
    Variables hs;
    for (int64_t i = 0; i < xs.len(); ++i)
      hs.push_back(rnn(xs[i]));
    return stack(hs);
  };
  auto rnn_scan = [](RNN &rnn, const Variable &xs) {
    Variable zero = zeros({xs.shape(1), 4});
    return scan(
               [&](const Variable &h, const Variable &x) {
                 Variable next = rnn.next(x, h);
                 return std::pair(next, next);
               },
               zero, xs)
        .second;
  };
  auto lstm_scan = [](LSTM &lstm, const Variable &xs) {
    Variable zero = zeros({xs.shape(1), 4});
    return scan(
               [&](const Variables &state, const Variables &x) {
                 auto [h, c] = lstm.next(x[0], state[0], state[1]);
                 return std::pair(Variables{h, c}, Variables{h});
               },
               Variables{zero, zero}, Variables{xs})
        .second[0];
  };
  std::vector<double> eager = scanned<SimpleRnn>(7, rnn_scan, false);
  EXPECT_EQ(scanned<SimpleRnn>(7, rnn_scan, true), eager);
  EXPECT_TRUE(
      near(scanned<SimpleRnn>(7, rnn_steps, false), eager, 1e-12, 1e-15));
  EXPECT_EQ(scanned<BetterRnn>(7, lstm_scan, true),
            scanned<BetterRnn>(7, lstm_scan, false));
}

/// The book's steps 59 and 60, compiled: a call is a window of 30 steps, or the
/// rest of an epoch.
struct Sine {
  std::vector<double> means; ///< by epoch
  double prediction = 0;     ///< mean error for a cosine, one step ahead
  int programs = 0;
};
template <class L> Sine learn_sine(int64_t batch, int epochs) {
  random::seed(0);
  SinCurve data;
  struct Both : Model {
    L rnn{*this, "rnn", 100};
    Linear fc{*this, "fc", 1};
    Variable forward(const Variable &x) override { return fc(rnn(x)); }
  } model;
  auto optimizer = Adam().setup(model);
  auto learn = compile([&](const Variable &xs, const Variable &ts) {
    Variable loss;
    for (int64_t i = 0; i < xs.len(); ++i) {
      Variable own = mean_squared_error(model(xs[i]), ts[i]);
      loss = loss.defined() ? loss + own : own;
    }
    model.clear_grads();
    loss.backward();
    loss.unchain_backward();
    optimizer.update();
    return loss;
  });
  const int64_t jump = data.len() / batch,
                steps = (data.len() + batch - 1) / batch;
  auto part = [&](int64_t first, int64_t count) {
    std::vector<int64_t> indices;
    for (int64_t step = first; step < first + count; ++step)
      for (int64_t i = 0; i < batch; ++i)
        indices.push_back((i * jump + step) % data.len());
    Sample s = data.batch(indices);
    s.x = s.x.reshape(count, batch, 1);
    s.t = s.t.reshape(count, batch, 1);
    return s;
  };
  Sine result;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    model.rnn.reset_state();
    double sum = 0;
    for (int64_t at = 0; at < steps; at += 30) {
      int64_t count = std::min<int64_t>(30, steps - at);
      // A rest that is not the end of the data is not learned.
      if (count < 30 && at + count != data.len()) {
        NoGrad no_grad;
        Sample s = part(at, count);
        for (int64_t i = 0; i < count; ++i)
          sum += mean_squared_error(model(s.x[i]), s.t[i]).item();
      } else {
        Sample s = part(at, count);
        sum += learn(s.x, s.t).item();
      }
    }
    result.means.push_back(sum / double(steps));
  }
  result.programs = learn.compile_count();
  NoGrad no_grad;
  model.rnn.reset_state();
  std::vector<double> curve = cos(linspace(0, 4 * M_PI, 1000)).to_vector();
  auto predict = compile([&](const Variable &x) { return model(x); });
  for (size_t i = 0; i + 1 < curve.size(); ++i)
    result.prediction +=
        std::abs(predict(Variable(curve[i]).reshape(1, 1)).item() -
                 curve[i + 1]) /
        double(curve.size() - 1);
  return result;
}

TEST(Recurrent, C094_C095_SineCompiled) {
  Sine rnn = learn_sine<RNN>(1, 100), lstm = learn_sine<LSTM>(30, 100);
  // The first window, those behind it, and the rest of the 999 steps.
  EXPECT_EQ(rnn.programs, 3);
  EXPECT_EQ(lstm.programs, 1);
  EXPECT_LT(lstm.prediction, rnn.prediction);
  Json figures = Json::data("recurrent.json");
  EXPECT_TRUE(
      near({rnn.means[0], rnn.means[9]}, figures["rnn"].numbers(), 0, 2e-6));
  EXPECT_TRUE(
      near({lstm.means[0], lstm.means[9], lstm.means[49], lstm.means[99]},
           figures["lstm_compiled"].numbers(), 0, 2e-6));
  for (auto [name, own] : {std::pair("rnn", &rnn), std::pair("lstm", &lstm)})
    std::cout << "  " << name << ": mean loss after 1, 10, 50, 100 epochs "
              << own->means[0] << ", " << own->means[9] << ", "
              << own->means[49] << ", " << own->means[99]
              << "; mean error of the cosine's prediction " << own->prediction
              << "\n";
}

/// The book's steps 59 and 60: mean losses of some epochs. A cut and an update
/// every 30 steps and at the end of the data.
template <class L>
std::vector<double> sine_epochs(int64_t batch, const std::vector<int> &epochs) {
  random::seed(0);
  SinCurve data;
  struct Both : Model {
    L rnn{*this, "rnn", 100};
    Linear fc{*this, "fc", 1};
    Variable forward(const Variable &x) override { return fc(rnn(x)); }
  } model;
  auto optimizer = Adam().setup(model);
  const int64_t jump = data.len() / batch,
                steps = (data.len() + batch - 1) / batch;
  std::vector<double> means;
  for (int epoch = 1; epoch <= epochs.back(); ++epoch) {
    model.rnn.reset_state();
    Variable loss(0.0);
    for (int64_t step = 0; step < steps; ++step) {
      std::vector<int64_t> indices;
      for (int64_t i = 0; i < batch; ++i)
        indices.push_back((i * jump + step) % data.len());
      Sample s = data.batch(indices);
      loss = loss + mean_squared_error(model(s.x), s.t);
      if ((step + 1) % 30 != 0 && step + 1 != data.len())
        continue;
      model.clear_grads();
      loss.backward();
      loss.unchain_backward();
      optimizer.update();
    }
    if (std::count(epochs.begin(), epochs.end(), epoch))
      means.push_back(loss.item() / double(steps));
  }
  return means;
}

TEST(Recurrent, C094_SineByRnn) {
  EXPECT_TRUE(near(sine_epochs<RNN>(1, {1, 10}),
                   Json::data("recurrent.json")["rnn"].numbers(), 0, 2e-6));
}
TEST(Recurrent, C095_SineByLstm) {
  EXPECT_TRUE(near(sine_epochs<LSTM>(30, {1, 10}),
                   Json::data("recurrent.json")["lstm"].numbers(), 0, 2e-6));
}

} // namespace

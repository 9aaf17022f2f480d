//===- SoundnessTest.cpp - a compiled call is never stale -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each case is a function that depends on something beside its arguments. It is
// called several times eagerly and compiled; all results, parameters and
// gradients must have the same bits, and the number of programs is known.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <gmock/gmock.h>
#include <thread>

using namespace etch;

namespace {

std::vector<double> bits(const Variable &x) {
  return x.defined() ? x.to_vector() : std::vector<double>{-12345};
}

/// y = w x + b on 7 points; the step returns the loss.
Variable leaf(const Variable &x) {
  return from_data(std::span<const double>(x.to_vector()), x.shape());
}

struct Line {
  Variable x = leaf(linspace(-1, 1, 7)), t = leaf(x * x);
  Parameter w{Variable(0.5)}, b{Variable(0.25)};
  double lr = 0.125;
  int epoch = 0;

  Variable forward(const Variable &in) { return w * in + b; }
  void clear() {
    w.clear_grad();
    b.clear_grad();
  }
  void update() {
    for (Variable p : {Variable(w), Variable(b)})
      p.data() -= lr * p.grad();
  }
  Variable loss(const Variable &in, const Variable &target) {
    Variable d = forward(in) - target;
    return sum(d * d) / 7.0;
  }
  Variable step(const Variable &in, const Variable &target) {
    Variable l = loss(in, target);
    clear();
    l.backward();
    update();
    return l;
  }
};

struct Outcome {
  std::vector<std::vector<double>> seen;
  int compiles = 0, traces = 0;
};

/// Runs `body(model, call)` where call is the step, eager or compiled.
template <class Step, class Body>
Outcome run(bool compiled, Step step, Body body) {
  Outcome o;
  Line model;
  auto eager = [&](const Variable &x, const Variable &t) {
    return step(model, x, t);
  };
  auto f = compile(eager);
  body(model, [&](const Variable &x, const Variable &t) {
    Variable y = compiled ? f(x, t) : eager(x, t);
    o.seen.push_back(bits(y));
    for (const Variable *v :
         {(Variable *)&model.w, (Variable *)&model.b, &model.x, &model.t}) {
      o.seen.push_back(bits(*v));
      o.seen.push_back(bits(v->grad()));
    }
  });
  o.compiles = f.compile_count();
  o.traces = f.trace_count();
  return o;
}

template <class Step, class Body>
void expect_same(int compiles, Step step, Body body) {
  Outcome e = run(false, step, body), c = run(true, step, body);
  EXPECT_EQ(e.seen, c.seen);
  EXPECT_EQ(c.compiles, compiles);
}

auto plain = [](Line &m, const Variable &x, const Variable &t) {
  return m.step(x, t);
};

TEST(Soundness, C130_OneProgramPerSignature) {
  expect_same(1, plain, [](Line &m, auto call) {
    for (int i = 0; i < 20; ++i)
      call(m.x, m.t);
  });
}

TEST(Soundness, C136_LearningRateSchedule) {
  expect_same(1, plain, [](Line &m, auto call) {
    for (int i = 0; i < 10; ++i) {
      m.lr = 0.125 / (1 + i);
      call(m.x, m.t);
    }
  });
}

TEST(Soundness, C136_HostBranch) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    Variable l = m.loss(x, t);
    if (m.epoch > 5)
      l = l + 0.5 * sum(m.w * m.w);
    m.clear();
    l.backward();
    m.update();
    return l;
  };
  expect_same(2, step, [](Line &m, auto call) {
    for (m.epoch = 0; m.epoch < 12; ++m.epoch)
      call(m.x, m.t);
  });
  // To and fro: both programs are kept.
  expect_same(2, step, [](Line &m, auto call) {
    for (int i = 0; i < 12; ++i) {
      m.epoch = i % 3 == 0 ? 10 : 0;
      call(m.x, m.t);
    }
  });
}

TEST(Soundness, C136_CapturedNumber) {
  double scale = 1;
  auto step = [&](Line &m, const Variable &x, const Variable &t) {
    return m.loss(x * scale, t) + scale;
  };
  expect_same(1, step, [&](Line &m, auto call) {
    for (int i = 0; i < 5; ++i) {
      scale = 1.0 / (i + 1);
      call(m.x, m.t);
    }
  });
}

TEST(Soundness, C136_ExponentIsPartOfTheProgram) {
  double exponent = 2;
  auto step = [&](Line &, const Variable &x, const Variable &) {
    return sum(pow(x * x + 1, exponent));
  };
  expect_same(2, step, [&](Line &m, auto call) {
    for (double e : {2.0, 3.0, 2.0, 3.0, 3.0}) {
      exponent = e;
      call(m.x, m.t);
    }
  });
}

TEST(Soundness, C136_ReplacedParameter) {
  expect_same(1, plain, [](Line &m, auto call) {
    call(m.x, m.t);
    m.w = Parameter(Variable(-1.5));
    call(m.x, m.t);
    call(m.x, m.t);
    m.b = Parameter(Variable(2.0));
    call(m.x, m.t);
  });
}

TEST(Soundness, C136_SwappedParameters) {
  // The same two arrays in the other roles.
  expect_same(1, plain, [](Line &m, auto call) {
    call(m.x, m.t);
    std::swap(m.w, m.b);
    call(m.x, m.t);
    call(m.x, m.t);
  });
}

TEST(Soundness, C136_TiedParameters) {
  expect_same(2, plain, [](Line &m, auto call) {
    call(m.x, m.t);
    m.b = m.w; // one array in both places
    call(m.x, m.t);
    call(m.x, m.t);
  });
}

TEST(Soundness, C133_NewShape) {
  expect_same(1, plain, [](Line &m, auto call) {
    for (int i = 0; i < 2; ++i) {
      call(m.x, m.t);
      m.x = leaf(linspace(-1, 1, 5));
      m.t = leaf(m.x * m.x);
      call(m.x, m.t);
      call(m.x, m.t);
      m.x = leaf(linspace(-1, 1, 7));
      m.t = leaf(m.x * m.x);
    }
  });
}

TEST(Soundness, C136_TestMode) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    return config().train ? m.step(x, t) : m.loss(x, t);
  };
  expect_same(2, step, [](Line &m, auto call) {
    call(m.x, m.t);
    {
      TestMode scope;
      call(m.x, m.t);
      call(m.x, m.t);
    }
    call(m.x, m.t);
  });
}

TEST(Soundness, C034_NoGradAroundAndInside) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    Variable fixed;
    {
      NoGrad scope;
      fixed = m.w * 2.0;
    }
    Variable l = m.loss(x, t) + fixed * m.b;
    m.clear();
    l.backward();
    return l;
  };
  expect_same(1, step, [](Line &m, auto call) {
    for (int i = 0; i < 3; ++i)
      call(m.x, m.t);
  });
}

TEST(Soundness, C136_AssignedBetweenCalls) {
  expect_same(1, plain, [](Line &m, auto call) {
    call(m.x, m.t);
    m.w.assign(Variable(7.0));
    call(m.x, m.t);
    m.x.span<double>()[2] = 0.75;
    call(m.x, m.t);
  });
}

TEST(Soundness, C136_EagerAndCompiledMixed) {
  expect_same(1, plain, [](Line &m, auto call) {
    for (int i = 0; i < 6; ++i) {
      call(m.x, m.t);
      if (i % 2)
        m.step(m.x, m.t);
    }
  });
}

TEST(Soundness, C136_OldContentsStay) {
  // What looked at a parameter before the update keeps the old contents.
  expect_same(1, plain, [](Line &m, auto call) {
    Variable before = m.w.detach();
    call(m.x, m.t);
    std::vector<double> kept = before.to_vector();
    call(m.x, m.t);
    EXPECT_EQ(before.to_vector(), kept);
    EXPECT_EQ(kept[0], 0.5);
  });
}

TEST(Soundness, C136_GradientsAccumulate) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    Variable l = m.loss(x, t);
    l.backward();
    return l;
  };
  expect_same(1, step, [](Line &m, auto call) {
    for (int i = 0; i < 4; ++i)
      call(m.x, m.t);
    m.clear();
    call(m.x, m.t);
    call(m.x, m.t);
  });
}

TEST(Soundness, C136_AccumulatedGradientIsUsed) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    m.loss(x, t).backward();
    return m.w.grad() * 2.0 + sum(x.grad());
  };
  expect_same(2, step, [](Line &m, auto call) {
    for (int i = 0; i < 4; ++i)
      call(m.x, m.t);
  });
}

TEST(Soundness, C136_TwoBackwardsInOneCall) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    m.clear();
    x.clear_grad();
    t.clear_grad();
    Variable l = m.loss(x, t);
    l.backward();
    Variable k = sum(m.w * x);
    k.backward();
    m.update();
    Variable again = m.loss(x, t); // with the new parameters
    again.backward();
    m.update();
    return l + again;
  };
  expect_same(1, step, [](Line &m, auto call) {
    for (int i = 0; i < 4; ++i)
      call(m.x, m.t);
  });
}

TEST(Soundness, C136_RetainedAndClearedGradients) {
  Variable inner;
  auto step = [&](Line &m, const Variable &x, const Variable &t) {
    m.clear();
    inner = m.forward(x);
    Variable d = inner - t;
    Variable l = sum(d * d);
    l.backward({.retain_grad = true});
    m.b.clear_grad();
    return inner.grad();
  };
  expect_same(1, step, [](Line &m, auto call) {
    for (int i = 0; i < 3; ++i)
      call(m.x, m.t);
  });
}

TEST(Soundness, C136_StateThatEscapes) {
  // As the hidden state of a recurrent layer.
  Variable h;
  auto step = [&](Line &m, const Variable &x, const Variable &t) {
    Variable z = m.forward(x);
    h = h.defined() ? tanh(z + h) : tanh(z);
    Variable l = sum((h - t) * (h - t));
    m.clear();
    l.backward();
    l.unchain_backward();
    m.update();
    return l;
  };
  for (bool compiled : {false, true}) {
    h = Variable();
    Outcome o = run(compiled, step, [&](Line &m, auto call) {
      for (int i = 0; i < 6; ++i) {
        if (i == 4)
          h = Variable();
        call(m.x, m.t);
      }
    });
    static Outcome eager;
    if (!compiled)
      eager = o;
    else
      EXPECT_EQ(eager.seen, o.seen);
    if (compiled)
      EXPECT_EQ(o.compiles, 2);
  }
}

TEST(Soundness, C136_SameArrayTwice) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    Variable l = sum(m.w * x * t);
    m.clear();
    l.backward();
    return l;
  };
  expect_same(2, step, [](Line &m, auto call) {
    call(m.x, m.t);
    call(m.x, m.x);
    call(m.x, m.t);
    call(m.t, m.t);
  });
}

TEST(Soundness, C136_ArgumentIsCaptured) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    Variable l = sum(x * m.x * t);
    l.backward();
    return l;
  };
  expect_same(2, step, [](Line &m, auto call) {
    Variable other = leaf(m.x * 2.0);
    call(other, m.t);
    call(m.x, m.t);
    call(other, m.t);
  });
}

TEST(Soundness, C136_HostArraysAndRandomNumbers) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    Variable noise = random::randn({7});
    Variable table = array({1.0 * m.epoch, 2, 3, 4, 5, 6, 7});
    return m.step(x + noise * table, t);
  };
  expect_same(1, step, [](Line &m, auto call) {
    random::seed(0);
    for (m.epoch = 0; m.epoch < 4; ++m.epoch)
      call(m.x, m.t);
  });
}

TEST(Soundness, C136_SideEffectsHappenOncePerCall) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    ++m.epoch;
    Variable l = m.loss(x, t);
    if (m.epoch == 3)
      l = l * 2.0;
    return l;
  };
  Outcome o = run(true, step, [](Line &m, auto call) {
    for (int i = 1; i < 6; ++i) {
      call(m.x, m.t);
      EXPECT_EQ(m.epoch, i);
    }
  });
  EXPECT_EQ(o.compiles, 2);
}

TEST(Soundness, C136_Exceptions) {
  auto step = [](Line &m, const Variable &x, const Variable &t) {
    Variable l = m.step(x, t);
    if (m.epoch == 2)
      throw std::runtime_error("in the middle");
    return l;
  };
  Line m;
  auto f = compile(
      [&](const Variable &x, const Variable &t) { return step(m, x, t); });
  Line e;
  for (int i = 0; i < 5; ++i) {
    m.epoch = i;
    if (i == 2) {
      std::vector<double> w = bits(m.w), g = bits(m.w.grad());
      EXPECT_THROW(f(m.x, m.t), std::runtime_error);
      EXPECT_EQ(bits(m.w), w);
      EXPECT_EQ(bits(m.w.grad()), g);
    } else {
      e.epoch = i;
      EXPECT_EQ(bits(f(m.x, m.t)), bits(step(e, e.x, e.t)));
      EXPECT_EQ(bits(m.w), bits(e.w));
    }
  }
  EXPECT_EQ(f.compile_count(), 1);
}

TEST(Soundness, C136_HostReadsAreRefused) {
  auto f = compile([](const Variable &x) {
    Variable y = x * 2.0;
    return y.item() > 0 ? y : -y;
  });
  try {
    f(Variable(1.0));
    FAIL();
  } catch (const TraceError &error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("item"));
    EXPECT_THAT(error.what(), testing::HasSubstr("SoundnessTest.cpp:"));
    EXPECT_THAT(error.what(), testing::HasSubstr("cond"));
  }
  auto g = compile([](const Variable &x) { return x.item() > 0 ? x : -x; });
  EXPECT_THROW(g(Variable(1.0)), TraceError);
  auto h = compile([](const Variable &x) { return x > 0 ? x : -x; });
  EXPECT_THROW(h(Variable(1.0)), TraceError);
  Parameter p{Variable(1.0)};
  auto k = compile([&] {
    p.assign(p * 2.0);
    return Variable(p.item());
  });
  EXPECT_THROW(k(), TraceError);
  EXPECT_EQ(p.item(), 1.0);
}

TEST(Soundness, C136_HostWritesAreNoticed) {
  bool late = false;
  auto f = compile([&](const Variable &x) {
    Variable a = zeros({3});
    a.span<double>()[1] = 5;
    Variable y = x * a;
    if (late)
      a.span<double>()[1] = 7;
    return y + a;
  });
  Variable one = ones({3});
  EXPECT_EQ(bits(f(one)), (std::vector<double>{0, 10, 0}));
  EXPECT_EQ(bits(f(one)), (std::vector<double>{0, 10, 0}));
  late = true;
  EXPECT_THROW(f(one), TraceError);
  late = false;
  EXPECT_EQ(bits(f(one)), (std::vector<double>{0, 10, 0}));
}

TEST(Soundness, C135_BadIndexLeavesStatesAlone) {
  random::seed(0);
  MLP model({4, 3}, tanh);
  SGD optimizer({.lr = 0.5});
  optimizer.setup(model);
  auto step = compile([&](const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  });
  Variable x = random::rand({2, 5}).astype(f32), good = array({0, 2}),
           bad = array({0, 3});
  step(x, good);
  std::vector<double> w = bits(model.params()[0]);
  try {
    step(x, bad);
    FAIL();
  } catch (const ValueError &error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("index 3"));
    EXPECT_THAT(error.what(), testing::HasSubstr("SoundnessTest.cpp:"));
  }
  EXPECT_EQ(bits(model.params()[0]), w);
  EXPECT_NO_THROW(step(x, good));
  EXPECT_EQ(step.compile_count(), 1);
}

TEST(Soundness, C136_Nested) {
  Line m;
  auto inner = compile([&](const Variable &x) { return m.forward(x); });
  auto outer = compile([&](const Variable &x) {
    Variable l = sum(inner(x) * inner(x));
    m.clear();
    l.backward();
    return l;
  });
  Variable a = outer(m.x);
  Variable b = sum(m.forward(m.x) * m.forward(m.x));
  EXPECT_EQ(bits(a), bits(b));
  std::vector<double> g = bits(m.w.grad());
  m.clear();
  b.backward();
  EXPECT_EQ(bits(m.w.grad()), g);
  EXPECT_EQ(inner.compile_count(), 0);
}

TEST(Soundness, C136_Recursion) {
  // A compiled function that calls itself is unrolled.
  std::function<Variable(const Variable &, int)> f;
  auto compiled = compile([&](const Variable &x, int n) -> Variable {
    return n == 0 ? x * 1.5 : f(x + 1.0, n - 1);
  });
  f = [&](const Variable &x, int n) { return compiled(x, n); };
  EXPECT_EQ(compiled(Variable(1.0), 3).item(), 6.0);
  EXPECT_EQ(compiled(Variable(1.0), 4).item(), 7.5);
  EXPECT_THROW(compiled(Variable(1.0), 5000), TraceError);
  EXPECT_EQ(compiled(Variable(2.0), 3).item(), 7.5);
}

TEST(Soundness, C136_Threads) {
  auto work = [](double start, std::vector<double> &out, bool compiled) {
    Line m;
    m.w.assign(Variable(start));
    auto f = compile(
        [&](const Variable &x, const Variable &t) { return m.step(x, t); });
    for (int i = 0; i < 50; ++i)
      out.push_back((compiled ? f(m.x, m.t) : m.step(m.x, m.t)).item());
  };
  std::vector<double> a, b, ea, eb;
  std::thread one(work, 1.0, std::ref(a), true),
      two(work, 2.0, std::ref(b), true);
  one.join();
  two.join();
  work(1.0, ea, false);
  work(2.0, eb, false);
  EXPECT_EQ(a, ea);
  EXPECT_EQ(b, eb);
}

TEST(Soundness, C136_OneFunctionManyThreads) {
  Line m;
  auto f = compile([&](const Variable &x) { return m.forward(x) * x; });
  std::vector<double> expected = bits(m.forward(m.x) * m.x);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int k = 0; k < 4; ++k)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i)
        wrong += bits(f(m.x)) != expected;
    });
  for (std::thread &t : threads)
    t.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(f.compile_count(), 1);
}

} // namespace

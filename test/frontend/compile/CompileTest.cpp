//===- CompileTest.cpp - compile(): forms of use, figures, errors ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "test/support/OtherCompiler.h"

#include <cstdio>
#include <filesystem>
#include <gmock/gmock.h>

using namespace etch;
using testing::HasSubstr;

namespace {

Variable exp_of_one() { return exp(Variable(1.0)); }

TEST(Compile, C002_InputIsReassigned) {
  Variable x(1.0);
  auto f = compile([&] { return x * x; });
  EXPECT_EQ(f().item(), 1.0);
  x.assign(Variable(2.0));
  EXPECT_EQ(f().item(), 4.0);
  x = Variable(3.0); // another array
  EXPECT_EQ(f().item(), 9.0);
  EXPECT_EQ(f.compile_count(), 1);
}

TEST(Compile, C129_BuildCompileRun) {
  Variable a(2.0), b(3.0);
  int runs = 0;
  auto f = compile([&](const Variable &a, const Variable &b) {
    ++runs;
    Variable c = a * b;
    return c + 1;
  });
  EXPECT_EQ(f.compile_count(), 0);
  uint64_t kernels = eager_kernel_runs();
  f.build(a, b);
  EXPECT_EQ(eager_kernel_runs(), kernels);
  EXPECT_EQ(f.run_count(), 0);
  EXPECT_EQ(f.compile_count(), 1);
  EXPECT_EQ(f(a, b).item(), 7.0);
  EXPECT_EQ(f.run_count(), 1);
  EXPECT_EQ(eager_kernel_runs(), kernels);
  EXPECT_EQ(f.compile_count(), 1);
}

TEST(Compile, C129_BuildChangesNothing) {
  Parameter p{Variable(2.0)};
  auto f = compile([&](const Variable &x) {
    Variable y = p * x;
    p.clear_grad();
    y.backward();
    p.data() -= 0.5 * p.grad();
    return y;
  });
  f.build(Variable(3.0));
  EXPECT_EQ(p.item(), 2.0);
  EXPECT_FALSE(p.grad().defined());
  EXPECT_EQ(f(Variable(3.0)).item(), 6.0);
  EXPECT_EQ(p.item(), 0.5);
  EXPECT_EQ(p.grad().item(), 3.0);
  EXPECT_EQ(f.compile_count(), 1);
}

TEST(Compile, C130_CountersPerSignature) {
  auto f = compile([](const Variable &x) { return x * x + 1.0; });
  f(ones({3}));
  EXPECT_EQ(f.compile_count(), 1);
  f(ones({3}));
  f(zeros({3}));
  EXPECT_EQ(f.compile_count(), 1);
  EXPECT_EQ(f.cache_hits(), 2);
  f(ones({3, 4}));
  EXPECT_EQ(f.compile_count(), 2);
  f(ones({3, 4}, {.dtype = f32}));
  EXPECT_EQ(f.compile_count(), 3);
  EXPECT_EQ(f.trace_count(), 3);
  EXPECT_THAT(f.report(), HasSubstr("3 programs"));
}

TEST(Compile, C136_FormsOfArgumentsAndResults) {
  Variable x(2.0), y(5.0);
  auto list = compile([](const Variables &xs) {
    return Variables{xs[0] + xs[1], xs[0] * xs[1]};
  });
  Variables r = list(Variables{x, y});
  EXPECT_EQ(r[0].item(), 7.0);
  EXPECT_EQ(r[1].item(), 10.0);

  auto pair = compile([](Variable a, const Variables &more, double c) {
    return std::pair(a * c, std::tuple(more[0] - a, Variables{a}));
  });
  auto [p, q] = pair(x, Variables{y}, 3.0);
  EXPECT_EQ(p.item(), 6.0);
  EXPECT_EQ(std::get<0>(q).item(), 3.0);
  EXPECT_EQ(std::get<1>(q)[0].item(), 2.0);

  Variable seen;
  auto nothing = compile([&](const Variable &a) { seen = a * 2.0; });
  nothing(x);
  EXPECT_EQ(seen.item(), 4.0);

  auto constant = compile([&](const Variable &) { return y; });
  EXPECT_TRUE(constant(x).is(y));
  EXPECT_EQ(compile(exp_of_one)().item(), 2.718281828459045);
}

TEST(Compile, C136_ModelByReference) {
  random::seed(0);
  MLP model({4, 2}, tanh);
  Variable x = random::rand({3, 5});
  auto f = compile(model);
  Variable y = f(x);
  EXPECT_EQ(y.to_vector(), model(x).to_vector());
}

TEST(Compile, C136_StridedArguments) {
  Variable m = array({{1.0, 2, 3}, {4, 5, 6}});
  auto f = compile([](const Variable &a, const Variable &b) { return a * b; });
  Variable b = broadcast_to(array({1.0, 10.0}), {3, 2});
  EXPECT_EQ(f(m.T(), b).to_vector(), (m.T() * b).to_vector());
  EXPECT_EQ(f(b, m.T()).to_vector(), (m.T() * b).to_vector());
}

TEST(Compile, C136_EmptyArrays) {
  auto f = compile([](const Variable &a) { return sum(a * 2.0); });
  EXPECT_EQ(f(zeros({0, 3})).item(), 0.0);
  auto g = compile([](const Variable &a) { return a * 2.0; });
  EXPECT_EQ(g(zeros({0, 3})).shape(), (Shape{0, 3}));
}

TEST(Compile, C136_Pure) {
  int runs = 0;
  Parameter w{Variable(3.0)};
  auto f = compile(
      [&](const Variable &x) {
        ++runs;
        Variable y = w * x;
        w.clear_grad();
        y.backward();
        w.data() -= 0.5 * w.grad();
        return std::pair(y, Variables{w, x});
      },
      {.pure = true});
  double expected = 3;
  for (double v : {1.0, 2.0, 4.0}) {
    auto [y, list] = f(Variable(v));
    EXPECT_EQ(y.item(), expected * v);
    expected -= 0.5 * v;
    EXPECT_EQ(w.item(), expected);
    EXPECT_EQ(w.grad().item(), v);
    EXPECT_TRUE(list[0].is(w));
    EXPECT_EQ(list[1].item(), v);
  }
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(f(ones({2}, {.dtype = f32})).first.shape(), Shape{2});
  EXPECT_EQ(runs, 2);
}

TEST(Compile, C136_APureCallThatFailsLeavesParametersAsTheyWere) {
  for (bool updates : {false, true})
    for (bool checked : {false, true}) {
      Parameter w{array({1.f, 2.f, 3.f})};
      auto f = compile(
          [&](const Variable &x, const Variable &t) {
            Variable y = sum(log(w[t]) * x);
            w.clear_grad();
            y.backward();
            if (updates)
              w.data() -= 0.5 * w.grad();
            return y;
          },
          {.pure = true, .check = checked ? Check::nan : Check::none});
      auto at = [](int64_t a, int64_t b) { return array({a, b}); };
      f(Variable(1.f), at(0, 2));
      f(Variable(1.f), at(0, 1));
      auto value = w.to_vector(), gradient = w.grad().to_vector();
      EXPECT_THROW(f(Variable(1.f), at(0, 3)), ValueError);
      ASSERT_TRUE(w.grad().defined()) << updates << checked;
      EXPECT_EQ(w.grad().to_vector(), gradient);
      EXPECT_EQ(w.to_vector(), value);
      if (!checked)
        continue;
      EXPECT_THROW(f(Variable(3.4e38f), at(2, 2)), ValueError);
      ASSERT_TRUE(w.grad().defined()) << updates;
      EXPECT_EQ(w.grad().to_vector(), gradient);
      EXPECT_EQ(w.to_vector(), value);
    }
}

TEST(Compile, C134_ProgramAndDump) {
  auto f = compile([](const Variable &x) { return exp(x) * 2.0; });
  EXPECT_THROW(f.program(), UserError);
  f(ones({3}));
  std::string text = f.program();
  EXPECT_THAT(text, HasSubstr("\"etch.exp\"(%arg0) : (tensor<?xf64>)"));
  EXPECT_THAT(text, HasSubstr("loc(\"site\":0:0)"));
  EXPECT_THAT(text, HasSubstr("etch.literal"));
  EXPECT_THAT(text, testing::Not(HasSubstr(".cpp")));
  std::string dir = testing::TempDir() + "/dump";
  f.dump(dir);
  EXPECT_TRUE(std::filesystem::exists(dir + "/program0.mlir"));
  EXPECT_TRUE(std::filesystem::exists(dir + "/program0.lines"));
  std::filesystem::remove_all(dir);
  EXPECT_THROW(f.dump("/proc/nowhere"), IOError);
}

TEST(Compile, C134_NamesOfStates) {
  random::seed(0);
  MLP model({3, 1}, sigmoid);
  Adam optimizer;
  optimizer.setup(model);
  Variable x = random::rand({5, 2}).astype(f32).detach();
  auto step = compile([&](const Variable &x) {
    Variable loss = sum(model(x));
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  });
  step.build(x);
  for (const char *name :
       {"\"l0/W\"", "\"l1/b\"", "\"optimizer/m/l0/W\"", "\"optimizer/v/l1/b\""})
    EXPECT_THAT(step.program(), HasSubstr(name));
}

TEST(Compile, C135_ErrorsNameTheLine) {
  auto f = compile([](const Variable &x, const Variable &i) {
    Variable y = x * 2.0;
    return y[i];
  });
  Variable x = arange(0, 5).astype(f64);
  EXPECT_EQ(f(x, array({1, 4})).to_vector(), (std::vector<double>{2, 8}));
  try {
    f(x, array({1, 5}));
    FAIL();
  } catch (const ValueError &error) {
    EXPECT_THAT(error.what(), HasSubstr("index 5 is out of range"));
    EXPECT_THAT(error.what(), HasSubstr("CompileTest.cpp:"));
  }
  EXPECT_EQ(f(x, array({0, 3})).to_vector(), (std::vector<double>{0, 6}));
}

TEST(Compile, C134_CompileErrorsNameTheLine) {
  std::optional<test::OtherCompiler> broken(
      [](const std::string &, const driver::CompileOptions &) {
        detail::CompiledModule none;
        none.diagnostics = {{driver::Severity::note, 0, "a remark"},
                            {driver::Severity::error, 1, "exp: cannot be done"},
                            {driver::Severity::error, 0, "mul: neither"}};
        return none;
      });
  auto f = compile([](const Variable &x) {
    Variable y = x * x;
    return exp(y);
  });
  std::string message;
  try {
    f(Variable(1.0));
  } catch (const CompileError &error) {
    message = error.what();
  }
  broken.reset();
  EXPECT_THAT(message, HasSubstr("exp: cannot be done"));
  EXPECT_THAT(message, HasSubstr("mul: neither"));
  EXPECT_THAT(message, HasSubstr("[CompileTest.cpp:"));
  EXPECT_EQ(f(Variable(0.0)).item(), 1.0); // the next call tries again
}

TEST(Compile, C136_UserErrorsAsInEagerMode) {
  auto f = compile([](const Variable &a, const Variable &b) { return a + b; });
  EXPECT_THROW(f(ones({2}), ones({3})), ShapeError);
  EXPECT_THROW(f(Variable(), ones({3})), ValueError);
  EXPECT_EQ(f(ones({3}), ones({3})).to_vector(), std::vector<double>(3, 2.0));
}

TEST(Compile, C136_StaleValuesSaySo) {
  Variable kept;
  auto f = compile([&](const Variable &x) -> Variable {
    kept = x * 2.0;
    throw std::runtime_error("stop");
  });
  EXPECT_THROW(f(Variable(1.0)), std::runtime_error);
  EXPECT_THROW(kept.item(), Error);
  EXPECT_THROW(kept * 2.0, Error);
  auto g = compile([&](const Variable &x) { return x * kept; });
  EXPECT_THROW(g(Variable(1.0)), TraceError);
}

TEST(Compile, C136_Check) {
  Parameter p{Variable(2.0)};
  auto f = compile([&](const Variable &x) {
    Variable y = sum(p * x * random::rand({3}));
    p.clear_grad();
    y.backward();
    p.data() -= 0.5 * p.grad();
    return y;
  });
  CheckReport report = f.check(ones({3}));
  EXPECT_TRUE(report) << report.difference;
  bool flip = false;
  auto g = compile([&](const Variable &x) {
    flip = !flip;
    return flip ? x * 2.0 : x * 3.0;
  });
  CheckReport bad = g.check(ones({3}));
  EXPECT_FALSE(bad);
  EXPECT_THAT(bad.difference, HasSubstr("result 0: element (0)"));
}

TEST(Compile, C137_StrictHasTheBitsOfEagerMode) {
  auto body = [](const Variable &a, const Variable &b) { return a * b + 1.0; };
  auto strict = compile(body);
  auto fast = compile(body, {.mode = Mode::fast});
  Variable a = linspace(0.1, 3, 101), b = linspace(5, 7, 101);
  Variable y = body(a, b);
  EXPECT_EQ(strict(a, b).to_vector(), y.to_vector());
  EXPECT_TRUE(allclose(fast(a, b), y, {.rtol = 1e-15}));
  EXPECT_EQ(strict.num_kernels(), 1);
}

TEST(Compile, C138_LossIsOneKernelWithoutBuffers) {
  auto loss = compile([](const Variable &a, const Variable &b) {
    Variable d = a - b;
    return sum(d * d) / 1000.0;
  });
  loss.build(ones({1000}), zeros({1000}));
  EXPECT_EQ(loss.num_launches(), 1);
  EXPECT_EQ(loss.arena_bytes(), 0u);
}

TEST(Compile, C139_GoldsteinPrice) {
  auto f = compile([](const Variable &x, const Variable &y) {
    Variable z =
        (1 + pow(x + y + 1, 2) * (19 - 14 * x + 3 * pow(x, 2) - 14 * y +
                                  6 * x * y + 3 * pow(y, 2))) *
        (30 + pow(2 * x - 3 * y, 2) * (18 - 32 * x + 12 * pow(x, 2) + 48 * y -
                                       36 * x * y + 27 * pow(y, 2)));
    z.backward();
    return z;
  });
  Variable x(1.0), y(1.0);
  EXPECT_EQ(f(x, y).item(), 1876.0);
  EXPECT_EQ(x.grad().item(), -5376.0);
  EXPECT_EQ(y.grad().item(), 8064.0);
  EXPECT_LE(f.num_launches(), 2);
}

TEST(Compile, C141_OnlyWhatBackwardReadsIsSaved) {
  // tanh: its result only, not its operand.
  auto f = compile([](const Variable &a, const Variable &b) {
    Variable y = sum(tanh(a * b));
    y.backward();
    return y;
  });
  f.build(ones({1000}), ones({1000}));
  EXPECT_LE(f.saved_bytes(), 1000u * 8);
}

// The book's demonstration of no_grad(): what is planned before the run, and
// what a run then takes.
TEST(Compile, C143_WithoutGradientsThePeakIsLower) {
  uint64_t planned[2];
  for (bool tracked : {false, true}) {
    auto squares = compile([&](const Variable &x) {
      UsingConfig mode(&Config::enable_backprop, tracked);
      Variable y = square(square(square(x)));
      if (tracked)
        y.backward();
      return y;
    });
    Variable x = ones({100, 100, 100});
    squares.build(x);
    planned[tracked] = squares.memory().arena + squares.memory().results;
    release_cached_memory();
    int64_t before = memory_stats().live_bytes;
    reset_peak_memory();
    squares(x);
    int64_t peak = memory_stats().peak_bytes - before;
    EXPECT_EQ(uint64_t(peak), planned[tracked]);
    EXPECT_EQ(squares.saved_bytes(), 0u); // computed again rather than kept
    EXPECT_EQ(bool(x.grad()), tracked);
    std::printf("%s: planned %llu bytes, peak %lld\n",
                tracked ? "with gradient" : "without",
                (unsigned long long)planned[tracked], (long long)peak);
  }
  // Fused, the result is all there is; with the gradient there are two.
  EXPECT_EQ(planned[0], 8'000'000u);
  EXPECT_EQ(planned[1], 16'000'000u);
}

TEST(Compile, C136_MovingLeavesACopy) {
  auto f = compile([](const Variable &x) { return x + 1.0; });
  auto g = std::move(f);
  EXPECT_EQ(g(Variable(1.0)).item(), 2);
  EXPECT_EQ(f(Variable(2.0)).item(), 3);
  EXPECT_EQ(f.compile_count(), 1);
}

TEST(Compile, C135_AFunctionsMistakeHasOneLine) {
  struct TooFew : Function {
    Variables forward(const Variables &xs) override { return {xs[0] * 2.0}; }
    Variables backward(const Variables &) override { return {}; }
  } few;
  auto f = compile([&](const Variable &x) {
    Variable y = few(x);
    y.backward();
    return y;
  });
  try {
    f(Variable(1.0));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const UserError &e) {
    std::string text = e.what();
    EXPECT_THAT(text, HasSubstr("gave 0 gradients for 1 inputs  [CompileTest"));
    EXPECT_EQ(text.find('['), text.rfind('['));
  }
}

TEST(Compile, OptionsThatMeanNothingAreRejected) {
  auto f = [](const Variable &x) { return x; };
  EXPECT_THROW(compile(f, {.memory_budget = -1}), ValueError);
}

TEST(Compile, C136_ExplainSaysWhy) {
  bool more = false;
  auto f = compile([&](const Variable &x) {
    Variable y = x * x;
    return more ? y + x : y - x;
  });
  f(Variable(1.0));
  more = true;
  f(Variable(1.0));
  EXPECT_THAT(f.explain(), HasSubstr("expected sub"));
  EXPECT_THAT(f.explain(), HasSubstr("got add"));
}

TEST(Compile, LetsGoOfWhatEagerModeKept) {
  constexpr int64_t small = 100 * 100 * 4, large = 10 * small;
  for (int64_t rows : {100, 1000})
    ones({rows, 100}).astype(f32);
  ASSERT_GE(memory_stats().cached_bytes, small + large);
  auto f = compile([](const Variable &x) { return x * 3.25 - 7.5; });
  f(ones({3}));
  EXPECT_LT(memory_stats().cached_bytes, small);
}

// What no cache holds is walked at several places at a time and stored past the
// caches; what then remains has any length.
TEST(Compile, LargeArrays) {
  auto few = compile([](const Variable &x) { return x * x - 0.5; });
  auto two = compile([](const Variable &x, const Variable &y) {
    return maximum(x * y, x) + y * 0.25;
  });
  auto many = compile([](const Variable &x) { return exp(x); });
  for (int64_t more : {0, 1, 16, 77, 1000}) {
    Variable x = linspace(-3, 3, (1 << 20) + more), y = x * 0.75 + 1.0;
    EXPECT_EQ(few(x).to_vector(), (x * x - 0.5).to_vector()) << more;
    EXPECT_EQ(two(x, y).to_vector(), (maximum(x * y, x) + y * 0.25).to_vector())
        << more;
    EXPECT_EQ(many(x).to_vector(), exp(x).to_vector()) << more;
  }
}

} // namespace

//===- ErrorsTest.cpp - what a body cannot do while it is recorded --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every message names the user's line and a remedy.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <gmock/gmock.h>

using namespace etch;
using testing::AllOf;
using testing::HasSubstr;

namespace {

/// Records f without compiling anything; the message of its E.
template <class E = TraceError, class F>
std::string message_of(F f, const Variables &xs = {Variable(2.0)}) {
  try {
    auto compiled = compile(f);
    compiled.build(xs);
  } catch (const E &e) {
    return e.what();
  } catch (const Error &e) {
    return std::string("another error: ") + e.what();
  }
  return "no error";
}

std::string at(int line) { return "[ErrorsTest.cpp:" + std::to_string(line); }

Variable twice(const Variable &s) { return s * 2; }

TEST(LoopErrors, HostReadsOfStates) {
  EXPECT_THAT(message_of([&](const Variables &xs) {
                auto body = [&](const Variable &s) {
                  return s.item() > 1 ? s : s * 2;
                };
                return Variables{for_loop(3, body, xs[0])};
              }),
              AllOf(HasSubstr("item:"), HasSubstr("where, cond"),
                    HasSubstr(at(__LINE__))));
  EXPECT_THAT(message_of([](const Variables &xs) {
                while_loop(
                    [](const Variable &s) {
                      return Variable(bool(s > 1) ? true : false);
                    },
                    twice, xs[0]);
              }),
              HasSubstr("has no contents"));
}

TEST(LoopErrors, StateUpdatesInABody) {
  Parameter w{Variable(1.0)};
  EXPECT_THAT(message_of([&](const Variables &xs) {
                for_loop(
                    3,
                    [&](const Variable &s) {
                      w.assign(w * s);
                      return s;
                    },
                    xs[0]);
              }),
              AllOf(HasSubstr("assign() in the body of a loop"),
                    HasSubstr("make it a state"), HasSubstr(at(__LINE__))));
  EXPECT_THAT(message_of([&](const Variables &xs) {
                cond(
                    xs[0] > 0,
                    [&] {
                      w.data() -= 0.5;
                      return xs[0];
                    },
                    [&] { return xs[0]; });
              }),
              HasSubstr("assign() in the body of a loop or in a branch"));
  EXPECT_THAT(message_of([&](const Variables &xs) {
                xs[0].unchain();
                for_loop(
                    3,
                    [&](const Variable &s) {
                      s.unchain();
                      return s;
                    },
                    xs[0]);
              }),
              HasSubstr("unchain()"));
}

TEST(LoopErrors, RandomDraws) {
  for (int kind = 0; kind < 3; ++kind)
    EXPECT_THAT(message_of([&](const Variables &xs) {
                  for_loop(
                      3,
                      [&](const Variable &s) {
                        Variable r = kind == 0   ? sum(random::rand({2}))
                                     : kind == 1 ? sum(random::permutation(3))
                                                 : sum(random::choice(3, 2));
                        return s + r;
                      },
                      xs[0]);
                }),
                AllOf(HasSubstr("random numbers"), HasSubstr("xs of a scan"),
                      HasSubstr("[ErrorsTest.cpp:")));
}

TEST(LoopErrors, GradientsThatLeaveABody) {
  Parameter w{Variable(1.5)};
  EXPECT_THAT(message_of([&](const Variables &xs) {
                for_loop(
                    3,
                    [&](const Variable &s) {
                      (s * w).backward();
                      return s;
                    },
                    xs[0]);
              }),
              AllOf(HasSubstr("backward: in the body"), HasSubstr("use grad")));
  // In iteration 2, s depends on w.
  EXPECT_THAT(
      message_of([&](const Variables &xs) {
        for_loop(
            3,
            [&](const Variable &s) { return s - grad(square(s * w), {w})[0]; },
            xs[0]);
      }),
      AllOf(HasSubstr("earlier iterations"), HasSubstr("detach()")));
  // v depends on w outside.
  EXPECT_THAT(message_of([&](const Variables &xs) {
                Variable v = w * 2;
                for_loop(
                    3,
                    [&](const Variable &s) {
                      return s - grad(v * w * s.detach(), {w})[0];
                    },
                    xs[0]);
              }),
              HasSubstr("computed outside"));
  // What is allowed: with respect to a state, or to what is met directly.
  EXPECT_EQ(message_of<TraceError>([&](const Variables &xs) {
              Variable v = w * 2;
              for_loop(
                  3,
                  [&](const Variable &s) {
                    Variable g = grad(square(s * v), {s})[0];
                    return s - g - grad(square(s.detach() * v), {v})[0];
                  },
                  xs[0]);
              throw TraceError("all was recorded");
            }),
            "all was recorded");
}

TEST(LoopErrors, NoBoundForAGradient) {
  auto f = [&](bool limit) {
    return [&, limit](const Variables &xs) {
      Variable y = while_loop([](const Variable &s) { return s < 50; }, twice,
                              xs[0], {.max_iterations = limit ? 100 : -1});
      y.backward();
      throw TraceError("all was recorded");
    };
  };
  EXPECT_THAT(message_of(f(false)),
              AllOf(HasSubstr("without a bound"), HasSubstr("max_iterations")));
  EXPECT_EQ(message_of(f(true)), "all was recorded");
  EXPECT_THAT(message_of([](const Variables &xs) {
                Variable y = for_loop(Variable(3), twice, xs[0]);
                grad(y, {xs[0]});
              }),
              HasSubstr("without a bound"));
}

TEST(LoopErrors, ValuesThatLeaveABody) {
  EXPECT_THAT(message_of([](const Variables &xs) {
                Variable kept;
                for_loop(
                    3,
                    [&](const Variable &s) {
                      kept = s * 3;
                      return kept;
                    },
                    xs[0]);
                return Variables{kept + 1};
              }),
              HasSubstr("computed in a loop is used outside"));
  EXPECT_THAT(message_of([](const Variables &xs) {
                Variable kept;
                cond(
                    xs[0] > 0,
                    [&] {
                      kept = xs[0] * 3;
                      return kept;
                    },
                    [&] { return kept; });
              }),
              HasSubstr("branch of a cond computed is used outside"));
  EXPECT_THAT(message_of([](const Variables &xs) {
                Variable kept;
                while_loop(
                    [&](const Variable &s) {
                      kept = s * 3;
                      return kept < 9;
                    },
                    [&](const Variable &) { return kept; }, xs[0]);
              }),
              HasSubstr("computed in a loop is used outside"));
}

TEST(LoopErrors, StatesAndBranches) {
  EXPECT_THAT(message_of<DTypeError>([](const Variables &xs) {
                for_loop(
                    3, [](const Variable &s) { return astype(s, f32); }, xs[0]);
              }),
              HasSubstr("for_loop: state is float64 () before"));
  EXPECT_THAT(
      message_of<ShapeError>([](const Variables &xs) {
        cond(xs[0] > 0, [&] { return xs[0]; }, [&] { return ones({2}); });
      }),
      AllOf(HasSubstr("cond: result 0 is float64 () in one branch and "
                      "float64 (2,) in the other"),
            HasSubstr("[ErrorsTest.cpp:")));
  EXPECT_THAT(
      message_of<DTypeError>([](const Variables &xs) {
        cond(xs[0] > 0, [&] { return xs[0]; }, [] { return Variable(1); });
      }),
      HasSubstr("int64 () in the other"));
  EXPECT_THAT(message_of<ValueError>([](const Variables &xs) {
                cond(xs[0] > 0, [&] { return xs; }, [] { return Variables{}; });
              }),
              HasSubstr("one branch gave 1 results, the other 0"));
}

TEST(LoopErrors, CaughtInside) {
  EXPECT_THAT(
      message_of([](const Variables &xs) {
        try {
          for_loop(
              3, [](const Variable &) -> Variable { throw ValueError("mine"); },
              xs[0]);
        } catch (const ValueError &) {
        }
        return xs;
      }),
      HasSubstr("was caught inside"));
}

} // namespace

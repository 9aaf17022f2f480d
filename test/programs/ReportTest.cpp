//===- ReportTest.cpp - what compiled functions say of themselves ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Client/Client.h"
#include "test/support/Json.h"

#include <cstdio>
#include <dlfcn.h>
#include <etch/etch.h>
#include <gmock/gmock.h>

using namespace etch;
using etch::test::Json;
using testing::HasSubstr;

namespace {
constexpr uint32_t first_line = __LINE__;
struct Net {
  Variable w1 = random::rand({20, 30}), w2 = random::rand({30, 1});

  Variable operator()(const Variable &x, const Variable &t) {
    Variable h = tanh(matmul(x, w1));
    Variable y = matmul(h, w2);
    Variable loss = mean(pow(y - t, 2));
    loss.backward();
    Variable g = w1.grad() + 0.0, k = w2.grad() + 0.0;
    w1.clear_grad();
    w2.clear_grad();
    return loss + sum(g) + sum(k);
  }
};
constexpr uint32_t last_line = __LINE__;

bool is_of_the_net(const Location &where) {
  return std::string(where.file).ends_with("ReportTest.cpp") &&
         where.line > first_line && where.line < last_line;
}

struct Report : testing::Test {
  Net net;
  Variable x = random::rand({50, 20}), t = random::rand({50, 1});

  auto compiled(const CompileOptions &options = {}) {
    auto f = compile(
        [this](const Variable &x, const Variable &t) { return net(x, t); },
        options);
    f(x, t);
    return f;
  }
};

TEST_F(Report, MemoryListsEveryBuffer) {
  auto f = compiled();
  ProgramMemory memory = f.memory();
  MemoryPlan plan = memory.plan();
  EXPECT_GT(plan.planned, 0);
  EXPECT_LE(uint64_t(plan.planned), memory.arena);
  // The module knows what is kept in buffers of fixed size only.
  EXPECT_GE(uint64_t(plan.saved), memory.saved);
  bool has_tanh = false, has_argument = false;
  for (const BufferLife &b : plan.buffers) {
    EXPECT_LE(b.birth, b.death);
    EXPECT_LE(b.death, plan.steps);
    if (b.place == "arena") {
      ASSERT_TRUE(b.where) << b.what;
      EXPECT_TRUE(is_of_the_net(b.where)) << to_string(b.where);
      EXPECT_GE(b.offset, 0);
    }
    has_tanh |= b.what == "tanh" && b.bytes == 50 * 30 * 8 &&
                b.where.line == first_line + 5;
    has_argument |= b.place == "argument" && b.bytes == 50 * 20 * 8;
  }
  EXPECT_TRUE(has_tanh) << plan.text();
  EXPECT_TRUE(has_argument) << plan.text();
  EXPECT_THAT(memory.text(), HasSubstr("ReportTest.cpp:"));
  Json json = Json::parse(memory.json());
  EXPECT_EQ(json["planned"].number(), double(plan.planned));
  EXPECT_EQ(json["buffers"].size(), plan.buffers.size());
  std::string chart = memory.chart();
  EXPECT_TRUE(chart.starts_with("<svg")) << chart;
  EXPECT_TRUE(chart.ends_with("</svg>\n")) << chart;
  EXPECT_THAT(chart, HasSubstr("<title>tanh tensor&lt;?x30xf64&gt;, "
                               "12,000 bytes"));
}

TEST_F(Report, PlanNeedsNoCode) {
  auto f = compile(
      [this](const Variable &x, const Variable &t) { return net(x, t); });
  EXPECT_GT(f.plan(x, t).planned, 0);
  EXPECT_EQ(f.compile_count(), 0);
}

TEST_F(Report, TimesNameThePhases) {
  // Another program each time the test runs, whatever is in the cache.
  auto f = compile([](const Variable &x) { return sum(tanh(x) * x); });
  f(zeros({int64_t(3 + time(nullptr) % 100000)}));
  CompileTimes times = f.times();
  if (times.origin == "compiled") {
    std::string names;
    for (auto &[name, ms] : times.phases)
      names += name + " ";
    EXPECT_EQ(names, "parse differentiate simplify fuse bufferize codegen "
                     "translate optimise emit link ");
  }
  EXPECT_GT(times.trace, 0);
  EXPECT_EQ(Json::parse(times.json())["origin"].text(), times.origin);
  EXPECT_THAT(f.report(), HasSubstr("trace"));
}

TEST_F(Report, ExplainSaysWhatIsFused) {
  auto f = compiled({.dynamic = false});
  std::string text = f.explain();
  EXPECT_THAT(text, HasSubstr("matmul+tanh"));
  EXPECT_THAT(text,
              HasSubstr("ReportTest.cpp:" + std::to_string(first_line + 5)));
  EXPECT_EQ(int(f.profile().launches.size()), f.num_launches());
  for (const LaunchInfo &l : f.profile().launches) {
    EXPECT_GT(l.bytes, 0);
    EXPECT_FALSE(l.lines.empty()) << l.kernel;
    EXPECT_EQ(l.runs, 0);
  }
}

TEST_F(Report, ProfileTimesEveryLaunch) {
  auto plain = compiled(), f = compiled({.profile = true});
  EXPECT_EQ(plain(x, t).item(), f(x, t).item());
  f.reset_profile();
  for (int i = 0; i < 5; ++i)
    f(x, t);
  Profile p = f.profile();
  EXPECT_EQ(p.runs, 5);
  EXPECT_EQ(int(p.launches.size()), f.num_launches());
  double all = 0;
  for (const LaunchInfo &l : p.launches) {
    EXPECT_EQ(l.runs, 5) << l.kernel;
    EXPECT_GE(l.seconds, 0);
    EXPECT_GE(l.roof, 0);
    all += l.seconds;
  }
  EXPECT_GT(all, 0);
  EXPECT_LE(all, p.seconds);
  EXPECT_EQ(p.last_run.size(), p.launches.size());
  EXPECT_THAT(f.explain(), HasSubstr("5 runs"));

  Json trace = Json::parse(p.trace());
  size_t spans = 0;
  double last = 0;
  for (const Json &e : trace["traceEvents"].array()) {
    if (e["ph"].text() != "X")
      continue;
    ++spans;
    EXPECT_GE(e["ts"].number(), last);
    EXPECT_GE(e["dur"].number(), 0);
    EXPECT_THAT(e["args"]["lines"].text(), HasSubstr("ReportTest.cpp:"));
    last = e["ts"].number();
  }
  EXPECT_EQ(spans, p.launches.size());
}

/// What another extent's program has compiled already is timed as well.
TEST_F(Report, ProfileTimesProgramsThatShareCode) {
  auto f = compile([](const Variable &x) { return sum(tanh(x)); },
                   {.profile = true});
  for (int64_t rows : {3, 5}) {
    f(ones({rows, 4}, {.dtype = f32}));
    Profile p = f.profile();
    EXPECT_EQ(p.runs, 1) << rows;
    for (const LaunchInfo &l : p.launches)
      EXPECT_EQ(l.runs, 1) << l.kernel << " with " << rows;
  }
  EXPECT_EQ(f.compile_count(), 1);
}

TEST_F(Report, ProfileCountsIterations) {
  auto f = compile(
      [](const Variable &x) {
        auto body = [](const Variable &, const Variables &s) {
          return Variables{tanh(s[0])};
        };
        return sum(for_loop(7, body, Variables{x})[0]);
      },
      {.profile = true});
  f(x);
  int64_t most = 0;
  for (const LaunchInfo &l : f.profile().launches)
    most = std::max(most, l.runs);
  EXPECT_EQ(most, 7);
}

/// What a program prints; "" if it is not there.
std::string output_of(const std::string &command) {
  FILE *pipe = popen((command + " 2>/dev/null").c_str(), "r");
  std::string s;
  char part[4096];
  while (size_t n = std::fread(part, 1, sizeof part, pipe))
    s.append(part, n);
  pclose(pipe);
  return s;
}

TEST_F(Report, DebuggersKnowTheLines) {
  auto plain = compiled(), f = compiled({.debug = true});
  EXPECT_EQ(plain(x, t).item(), f(x, t).item());
  // The code of the same program, where the loader has it from.
  driver::CompileOptions options;
  options.debug = true;
  driver::CompileResult r = driver::compile(f.program(), options);
  ASSERT_TRUE(r);
  Dl_info info;
  ASSERT_TRUE(dladdr(reinterpret_cast<void *>(r.module->module().run), &info));
  std::string file = info.dli_fname;
  std::string lines = output_of("llvm-dwarfdump-22 --debug-line " + file);
  if (lines.empty())
    GTEST_SKIP() << "no llvm-dwarfdump-22";
  EXPECT_THAT(lines, HasSubstr("name: \"ReportTest.cpp\""));
  EXPECT_THAT(lines,
              testing::ContainsRegex("0x[0-9a-f]* +" +
                                     std::to_string(first_line + 5) + " "));
  EXPECT_THAT(output_of("llvm-nm-22 " + file), HasSubstr(".matmul.tanh"));
}

TEST_F(Report, BudgetsAreKeptByComputingAgain) {
  // Thirty values that backward reads.
  auto chain = [](const Variable &x) {
    Variable y = x;
    for (int i = 0; i < 30; ++i)
      y = tanh(y * 1.5);
    Variable z = sum(y);
    return grad(z, {x})[0];
  };
  Variable v = random::rand({100, 100});
  auto plain = compile(chain, {.dynamic = false});
  Variable expected = plain(v);
  int64_t all = plain.memory().plan().planned;
  auto half = compile(chain, {.memory_budget = all * 6 / 10});
  Variable got = half(v);
  EXPECT_LE(half.memory().plan().planned, all * 6 / 10);
  EXPECT_EQ(max(abs(expected - got)).item(), 0);
  // Segments of six: what is kept, and one segment.
  auto third = compile(chain, {.memory_budget = all * 4 / 10});
  EXPECT_EQ(max(abs(expected - third(v))).item(), 0);
  auto none = compile(chain, {.memory_budget = 1000});
  try {
    none(v);
    FAIL();
  } catch (const CompileError &e) {
    EXPECT_THAT(e.what(), HasSubstr("the budget is 1000"));
    EXPECT_THAT(e.what(), HasSubstr("bytes of memory"));
  }
}

TEST_F(Report, BudgetsOfNetworks) {
  Variables w;
  for (int i = 0; i < 8; ++i)
    w.push_back(random::rand({40, 40}) * 0.05);
  auto f = [&](const Variable &x) {
    Variable h = x;
    for (const Variable &each : w)
      h = tanh(matmul(h, each));
    return grad(sum(h), w);
  };
  Variable v = random::rand({400, 40});
  auto plain = compile(f, {.dynamic = false});
  Variables expected = plain(v);
  int64_t all = plain.memory().plan().planned;
  auto less = compile(f, {.memory_budget = all * 7 / 10});
  Variables got = less(v);
  EXPECT_LE(less.memory().plan().planned, all * 7 / 10);
  for (size_t i = 0; i < w.size(); ++i)
    EXPECT_EQ(max(abs(expected[i] - got[i])).item(), 0) << i;
}
} // namespace

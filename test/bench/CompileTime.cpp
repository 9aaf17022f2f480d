//===- CompileTime.cpp - what compiling costs, cold and cached ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/bench/Bench.h"

#include <etch/etch.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

using namespace etch;
using namespace etch::bench;

namespace {
/// A network with its optimizer and one batch.
template <class OptimizerT> struct Net {
  Variable x, t;
  MLP model;
  OptimizerT optimizer;
  Variable (*loss)(const Variable &y, const Variable &t);

  Variable step(const Variable &x, const Variable &t) {
    Variable l = loss(model(x), t);
    model.clear_grads();
    l.backward();
    optimizer.update();
    return l;
  }

protected:
  Net(std::vector<int64_t> sizes, Activation activation, OptimizerT o,
      Variable (*loss)(const Variable &, const Variable &))
      : model(std::move(sizes), activation), optimizer(std::move(o)),
        loss(loss) {
    optimizer.setup(model);
    random::seed(0);
  }
};
/// y = sin(2 pi x) + noise by a 1-10-1 net, batch 100 (the book's step 44).
struct Sine : Net<SGD> {
  Sine()
      : Net({10, 1}, sigmoid, SGD({.lr = 0.2}),
            [](const Variable &y, const Variable &t) {
              return mean_squared_error(y, t);
            }) {
    x = random::rand({100, 1}).astype(f32).detach();
    t = (sin(x * (2 * M_PI)) + random::rand({100, 1}).astype(f32)).detach();
  }
};

/// The 784-1000-1000-10 ReLU net with Adam at batch 100, on random digits.
struct Digits : Net<Adam> {
  Digits()
      : Net({1000, 1000, 10}, relu, Adam(),
            [](const Variable &y, const Variable &t) {
              return softmax_cross_entropy(y, t);
            }) {
    x = random::rand({100, 784}).astype(f32).detach();
    std::vector<int64_t> labels(100);
    for (size_t i = 0; i < labels.size(); ++i)
      labels[i] = int64_t(i % 10);
    t = from_data(std::span<const int64_t>(labels), {100});
  }
};

} // namespace

int etch::bench::firstResult() {
  Sine net;
  net.step(net.x, net.t);
  auto step = compile(
      [&](const Variable &x, const Variable &t) { return net.step(x, t); });
  return std::isfinite(step(net.x, net.t).item()) ? 0 : 1;
}

/// Seconds that `self --first-result` takes from fork to exit.
static double childSeconds(const char *self) {
  double start = now();
  pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", self, "--first-result", nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? now() - start : NAN;
}

void etch::bench::compileFigures(std::vector<Figure> &figures,
                                 const char *self) {
  namespace fs = std::filesystem;
  // A cache of this run's own, so that cold is cold.
  std::string old = getenv("XDG_CACHE_HOME") ? getenv("XDG_CACHE_HOME") : "";
  std::string dir = fs::temp_directory_path() / "etch-bench-XXXXXX";
  if (!mkdtemp(dir.data()))
    return;
  setenv("XDG_CACHE_HOME", dir.c_str(), 1);

  figures.push_back({"1-10-1 step: process to first result, empty cache",
                     childSeconds(self) * 1e3, "ms", 0});
  double warm = 1e30;
  for (int i = 0; i < 7; ++i)
    warm = std::min(warm, childSeconds(self));
  figures.push_back({"1-10-1 step: process to first result, from disk cache",
                     warm * 1e3, "ms", 30});

  {
    Digits net;
    double start = now();
    net.step(net.x, net.t);
    figures.push_back({"784-1000-1000-10 step: first eager call, empty cache",
                       (now() - start) * 1e3, "ms", 0});
    auto f = [&](const Variable &x, const Variable &t) {
      return net.step(x, t);
    };
    auto cold = compile(f);
    start = now();
    cold(net.x, net.t);
    figures.push_back({"784-1000-1000-10 step: compile, cold",
                       (now() - start) * 1e3, "ms", 1000});
    auto cached = compile(f);
    start = now();
    cached(net.x, net.t);
    figures.push_back({"784-1000-1000-10 step: compile, cached in process",
                       (now() - start) * 1e3, "ms", 0});
  }
  // New eager keys: each power is an operator that nobody used before.
  constexpr int keys = 20;
  Variable x = ones({8}, {.dtype = f32});
  double start = now();
  for (int i = 0; i < keys; ++i)
    pow(x, 3 + i);
  figures.push_back(
      {"one new eager key", (now() - start) / keys * 1e3, "ms", 8});

  if (old.empty())
    unsetenv("XDG_CACHE_HOME");
  else
    setenv("XDG_CACHE_HOME", old.c_str(), 1);
  fs::remove_all(dir);

  // A user's file, as a user compiles it.
  std::string file = fs::temp_directory_path() / "etch-bench-user.cpp";
  if (FILE *out = fopen(file.c_str(), "w")) {
    fputs("#include <etch/etch.h>\nint main() { etch::Variable x(0.5); return "
          "int((x * x).item()); }\n",
          out);
    fclose(out);
    std::string command = std::string(ETCH_BENCH_COMPILE) + " " + file;
    double best = 1e30;
    for (int i = 0; i < 3; ++i) {
      start = now();
      if (system(command.c_str()) == 0)
        best = std::min(best, now() - start);
    }
    figures.push_back(
        {"#include <etch/etch.h>: compile a user's file", best, "s", 2});
    fs::remove(file);
  }
}

//===- Predictor.cpp - how soon an exported predictor answers -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/bench/Bench.h"

#include <etch/etch.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <spawn.h>
#include <sys/wait.h>

using namespace etch;
using namespace etch::bench;

/// A program that answers one image and says by its status whether it did.
static constexpr char source[] = R"(#include "digits.h"
int main(void) {
  static float x[784], y[10];
  digits_t *net = 0;
  if (digits_init(&net) || digits_call(net, x, y))
    return 1;
  return y[0] == y[0] ? 0 : 2;
}
)";

/// Seconds from before the process is made until it has ended; NaN when it did
/// not answer.
static double seconds(const char *program) {
  char *arguments[] = {const_cast<char *>(program), nullptr};
  double start = now();
  pid_t child;
  int status = 0;
  if (posix_spawn(&child, program, nullptr, nullptr, arguments, environ) ||
      waitpid(child, &status, 0) != child)
    return NAN;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? now() - start : NAN;
}

void etch::bench::predictorFigures(std::vector<Figure> &figures) {
  namespace fs = std::filesystem;
  std::string dir = fs::temp_directory_path() / "etch-bench-XXXXXX";
  if (!mkdtemp(dir.data()))
    return;
  {
    auto halve = [](const Variable &x) { return pooling(x, 2, {.stride = 2}); };
    Sequential net;
    net.add<Conv2d>(32, 3, Conv2dOptions{.pad = 1, .in_channels = 1})
        .add(relu)
        .add(halve)
        .add<Conv2d>(64, 3, Conv2dOptions{.pad = 1, .in_channels = 32})
        .add(relu)
        .add(halve)
        .add([](const Variable &x) { return flatten(x); })
        .add<Linear>(128, LinearOptions{.in_size = 3136})
        .add(relu)
        .add<Linear>(10, LinearOptions{.in_size = 128});
    auto predict =
        compile([&](const Variable &x) { return net(x); }, {.dynamic = false});
    NoGrad noGrad;
    export_library(predict, dir + "/digits",
                   {zeros({1, 1, 28, 28}, {.dtype = f32})},
                   {.embed_weights = true});
  }
  std::ofstream(dir + "/answer.c") << source;
  std::string program = dir + "/answer";
  std::string command = std::string(ETCH_BENCH_CC) + " -O2 -I" + dir + " " +
                        dir + "/answer.c -L" + dir +
                        " -ldigits -Wl,-rpath,'$ORIGIN' -o " + program;
  if (system(command.c_str()) == 0) {
    double best = seconds(program.c_str());
    for (int i = 0; i < 20; ++i)
      best = std::fmin(best, seconds(program.c_str()));
    figures.push_back(
        {"exported MNIST CNN: process to first answer", best * 1e3, "ms", 5});
  }
  fs::remove_all(dir);
}

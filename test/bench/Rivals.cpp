//===- Rivals.cpp - Other systems, each in a process of its own -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/bench/Rivals.h"

#include <etch/etch.h>
#include <etch/memory.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace etch::bench;

Rival::Rival(std::string name, std::vector<std::string> command)
    : system(std::move(name)), command(std::move(command)) {
  signal(SIGPIPE, SIG_IGN);
}

Rival::~Rival() { stop(); }

void Rival::start() {
  int down[2], up[2];
  if (pipe(down) || pipe(up))
    return;
  process = fork();
  if (process == 0) {
    dup2(down[0], 0);
    dup2(up[1], 1);
    for (int end : {down[0], down[1], up[0], up[1]})
      close(end);
    if (!getenv("ETCH_BENCH_NOISY") && !freopen("/dev/null", "w", stderr))
      _exit(127);
    std::vector<char *> argv;
    for (std::string &word : command)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(down[0]);
  close(up[1]);
  to = down[1];
  from = fdopen(up[0], "r");
}

void Rival::stop() {
  if (process < 0)
    return;
  close(to);
  kill(process, SIGTERM);
  waitpid(process, nullptr, 0);
  fclose(static_cast<FILE *>(from));
  process = -1;
}

/// The answer; "" when the process has ended.
std::string Rival::ask(const std::string &line) {
  if (process < 0)
    start();
  std::string answer;
  std::string text = line + "\n";
  if (process < 0 ||
      write(to, text.data(), text.size()) != ssize_t(text.size()))
    return answer;
  char *buffer = nullptr;
  size_t capacity = 0;
  ssize_t length = getline(&buffer, &capacity, static_cast<FILE *>(from));
  if (length > 0)
    answer.assign(buffer, size_t(length) - (buffer[length - 1] == '\n'));
  free(buffer);
  if (answer.empty())
    stop(); // the next question starts it again
  return answer;
}

/// What asks for a workload.
static std::string question(const Workload &w, const char *verb = "prepare ") {
  std::ostringstream line;
  line << verb << w.op << " " << w.checkRuns << " " << w.options;
  for (const Input &input : w.inputs) {
    line << " in=";
    for (size_t i = 0; i < input.shape.size(); ++i)
      line << (i ? "x" : "") << input.shape[i];
    line << ":" << input.type << ":" << input.scale;
  }
  return line.str();
}

std::vector<double> Rival::prepare(const Workload &w, std::string &reason) {
  std::istringstream answer(ask(question(w)));
  std::string word;
  answer >> word;
  std::vector<double> samples;
  if (word == "ok") {
    while (answer >> word)
      samples.push_back(strtod(word.c_str(), nullptr));
    return samples;
  }
  std::getline(answer >> std::ws, reason);
  if (reason.empty())
    reason = "its process ended";
  return samples;
}

bool Rival::costs(const Workload &w, double &seconds, double &bytes) {
  stop();
  std::istringstream answer(ask(question(w, "costs ")));
  std::string word;
  return answer >> word >> seconds >> bytes && word == "ok";
}

double Rival::time(long count) {
  std::string answer = ask("time " + std::to_string(count));
  return answer.empty() ? -1 : strtod(answer.c_str(), nullptr) / double(count);
}

std::vector<std::unique_ptr<Rival>>
etch::bench::startRivals(const std::string &folder, const char *self,
                         const std::string &chosen) {
  std::vector<std::unique_ptr<Rival>> rivals;
  for (const char *library : {"openblas", "onednn"})
    rivals.push_back(std::make_unique<Rival>(
        library, std::vector<std::string>{self, "--serve", library, folder}));
  for (const char *system : {"torch", "inductor", "jax", "onnxruntime"})
    rivals.push_back(std::make_unique<Rival>(
        system,
        std::vector<std::string>{folder + "/python/bin/python",
                                 ETCH_BENCH_SOURCE "/peers/peer.py", system}));
  std::erase_if(rivals, [&](const std::unique_ptr<Rival> &rival) {
    return !chosen.empty() &&
           ("," + chosen + ",").find("," + rival->name() + ",") == chosen.npos;
  });
  return rivals;
}

/// Bytes of this process: VmRSS, or VmHWM, the most since the last reset.
static double memory(const std::string &key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key))
      return 1024 * strtod(line.c_str() + key.size() + 1, nullptr);
  return 0;
}

/// What the first program loads, the compiler among it, is no step's cost: as
/// the others warm up (see peers/jax_peer.py).
static void warmUp() {
  etch::Variable x = etch::ones({4, 4});
  x.set_requires_grad(true);
  etch::compile([](const etch::Variable &x) {
    return etch::grad(etch::sum(etch::matmul(x, x)), {x})[0];
  })(x);
}

/// As peers/peer.py does it.
static void serveCosts(const Workload &w) {
  warmUp();
  etch::release_cached_memory();
  malloc_trim(0);
  double before = memory("VmRSS");
  double start = processorNow();
  Runner runner = w.systems.front().make();
  runner.check();
  double first = processorNow() - start;
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
  start = processorNow();
  runner.run(3);
  double step = (processorNow() - start) / 3;
  printf("ok %.9g %.9g", first - w.checkRuns * step, memory("VmHWM") - before);
}

int etch::bench::serveOurselves(
    const std::function<std::vector<Workload>()> &make) {
  std::vector<Workload> workloads = make();
  Runner runner;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.starts_with("time ")) {
      long count = strtol(line.c_str() + 5, nullptr, 10);
      double start = processorNow();
      runner.run(count);
      printf("%.9g", processorNow() - start);
    } else if (line.starts_with("costs ")) {
      for (const Workload &w : workloads)
        if (question(w, "costs ") == line)
          serveCosts(w);
    } else {
      runner = {};
      for (const Workload &w : workloads)
        if (!runner.run && question(w) == line)
          runner = w.systems.front().make();
      printf(runner.run ? "ok" : "missing no such operation");
      if (runner.run)
        for (double number : runner.check())
          printf(" %.9g", number);
    }
    putchar('\n');
    fflush(stdout);
  }
  return 0;
}

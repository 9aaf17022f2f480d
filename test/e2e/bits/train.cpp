//===- train.cpp - one training run in one mode, dumped to a file ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   train MODE THREADS STEPS OUT.npz     MODE: eager, jit or aot
//
// The 784-1000-1000-10 ReLU net with Adam at batch 100, on data drawn from a
// fixed seed. Writes the loss of each step and every parameter as they are at
// the end; `compare` holds two such files against each other bit for bit.
//===----------------------------------------------------------------------===//

#include <etch/etch.h>
#include <etch/host.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

using namespace etch;

namespace {
constexpr int64_t kBatch = 100, kBatches = 10;

struct Run {
  MLP model{{1000, 1000, 10}, relu};
  Adam optimizer;
  std::vector<Variable> xs, ts;

  Run() {
    random::seed(1);
    for (int64_t i = 0; i < kBatches; ++i) {
      Variable x = random::rand({kBatch, 784}).astype(f32).detach();
      std::vector<int64_t> labels;
      for (double u : random::rand({kBatch}).to_vector())
        labels.push_back(int64_t(u * 10));
      xs.push_back(x.set_requires_grad(false));
      ts.push_back(from_data(std::span<const int64_t>(labels), {kBatch}));
    }
    optimizer.setup(model);
    NoGrad scope;
    model(xs[0]); // draws the weights
  }

  Variable step(const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    model.clear_grads();
    return loss;
  }
};

int fail(const char *what) {
  fprintf(stderr, "train: %s\n", what);
  return 1;
}
} // namespace

int main(int argc, char **argv) {
  if (argc != 5)
    return fail("MODE THREADS STEPS OUT.npz are needed");
  std::string mode = argv[1], out = argv[4];
  etch_set_num_threads(atoi(argv[2]));
  int64_t steps = atoll(argv[3]);

  Run run;
  std::vector<float> losses;
  std::map<std::string, Variable> dump;
  auto f = [&](const Variable &x, const Variable &t) { return run.step(x, t); };
  auto batch = [&](int64_t i) { return size_t(i % kBatches); };

  if (mode == "eager") {
    uint64_t before = eager_kernel_runs();
    for (int64_t i = 0; i < steps; ++i)
      losses.push_back(f(run.xs[batch(i)], run.ts[batch(i)]).item<float>());
    printf("eager: %llu kernel runs per step\n",
           (unsigned long long)(eager_kernel_runs() - before) /
               (unsigned long long)steps);
  } else if (mode == "jit") {
    auto step = compile(f);
    for (int64_t i = 0; i < steps; ++i)
      losses.push_back(step(run.xs[batch(i)], run.ts[batch(i)]).item<float>());
    printf("jit: %d kernels launched per step, compiled %d time(s)\n",
           int(step.num_launches()), int(step.compile_count()));
    if (step.compile_count() != 1)
      return fail("compiled more than once");
    Run other;
    uint64_t before = eager_kernel_runs();
    other.step(other.xs[0], other.ts[0]);
    uint64_t kernels = eager_kernel_runs() - before;
    if (uint64_t(step.num_launches()) >= kernels)
      return fail("the compiled step launches no fewer kernels than eager "
                  "mode runs operations");
  } else if (mode == "aot") {
    auto step = compile(f);
    std::string name = std::filesystem::path(out).parent_path() /
                       ("aot_step_" + std::string(argv[2]));
    export_library(step, name, {run.xs[0], run.ts[0]});
    auto library =
        load_library(std::filesystem::path(name).parent_path() /
                     ("libaot_step_" + std::string(argv[2]) + ".so"));
    for (int64_t i = 0; i < steps; ++i)
      losses.push_back(
          library.run({run.xs[batch(i)], run.ts[batch(i)]})[0].item<float>());
    for (const std::string &path : library.state_names())
      dump[path] = library.get_state(path);
  } else {
    return fail("MODE is eager, jit or aot");
  }

  if (mode != "aot")
    for (const Layer::Named &p : run.model.named_params())
      dump[p.path] = *p.parameter;
  dump["losses"] =
      from_data(std::span<const float>(losses), {int64_t(losses.size())});
  save_npz(out, dump);
  return 0;
}

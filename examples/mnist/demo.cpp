//===- demo.cpp - from define-by-run to a library that trains -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trains a 784-1000-1000-10 network on handwritten digits: a few steps eagerly,
// the rest compiled; checks that eager, compiled and exported training agree bit
// for bit; exports step and predictor; lets a plain C program go on from there.
//===----------------------------------------------------------------------===//

#include "examples/mnist/Report.h"
#include "examples/mnist/Trainer.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>

using namespace etch;
namespace fs = std::filesystem;

namespace {
constexpr int64_t kBatch = 100;
constexpr uint32_t kSeed = 0;

struct Options {
  std::string data, json, out = "etch-demo";
  int epochs = 5;
  int compared = 20; ///< steps that run in all three modes
};

bool parse(int argc, char **argv, Options &o) {
  for (int i = 1; i < argc; ++i) {
    auto is = [&](const char *name) {
      return !strcmp(argv[i], name) && i + 1 < argc;
    };
    if (is("--data"))
      o.data = argv[++i];
    else if (is("--json"))
      o.json = argv[++i];
    else if (is("--out"))
      o.out = argv[++i];
    else if (is("--epochs"))
      o.epochs = atoi(argv[++i]);
    else
      return false;
  }
  return o.epochs > 0;
}

/// The digits of a folder, or those found anywhere; drawn ones if there are
/// none, unless a folder was named.
MNIST load(const Options &o, bool train) {
  try {
    return MNIST({.train = train, .directory = o.data});
  } catch (const IOError &e) {
    if (!o.data.empty())
      throw;
    printf("No handwritten digits found (%s).\n", e.what());
    return MNIST::synthetic({.train = train});
  }
}

using Batches = std::vector<Sample>;

/// The first steps in one mode; `step` gives the loss.
template <class Step>
ModeFigures run_mode(const Batches &batches, Step &&step) {
  ModeFigures f;
  double best = 1e30;
  for (const Sample &s : batches) {
    double start = now();
    f.losses.push_back(step(s.x, s.t).template item<float>());
    best = std::min(best, now() - start);
  }
  f.ms_per_step = best * 1e3;
  return f;
}

void keep_parameters(const Trainer &trainer, ModeFigures &f) {
  for (const Layer::Named &p : trainer.model.named_params())
    f.parameters[p.path] = p.parameter->to_vector<float>();
}

bool same_bits(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() &&
         !memcmp(a.data(), b.data(), a.size() * sizeof(float));
}

bool same_bits(const ModeFigures &a, const ModeFigures &b) {
  bool same = same_bits(a.losses, b.losses) &&
              a.parameters.size() == b.parameters.size();
  for (const auto &[path, values] : a.parameters)
    same = same && b.parameters.count(path) &&
           same_bits(values, b.parameters.at(path));
  return same;
}

/// Eager, compiled and exported training from the same weights.
void compare_modes(const Batches &batches, const std::string &out,
                   Figures &f) {
  printf("The first %zu steps in three modes …\n", batches.size());
  {
    Trainer trainer(kSeed, batches[0].x);
    uint64_t before = eager_kernel_runs();
    trainer.step(batches[0].x, batches[0].t);
    f.eager_kernels = int(eager_kernel_runs() - before);
  }
  Trainer eager(kSeed, batches[0].x);
  f.eager = run_mode(batches, [&](const Variable &x, const Variable &t) {
    return eager.step(x, t);
  });
  keep_parameters(eager, f.eager);

  Trainer jit(kSeed, batches[0].x);
  auto step = compile(
      [&](const Variable &x, const Variable &t) { return jit.step(x, t); });
  f.jit = run_mode(batches, step);
  keep_parameters(jit, f.jit);
  f.compile_ms_cold = step.last_compile_ms();
  f.launches = step.num_launches();
  f.arena_bytes = step.arena_bytes();
  f.saved_bytes = step.saved_bytes();
  auto again = compile(
      [&](const Variable &x, const Variable &t) { return jit.step(x, t); });
  again.build(batches[0].x, batches[0].t);
  f.compile_ms_cached = again.last_compile_ms();

  Trainer fresh(kSeed, batches[0].x);
  auto exported = compile(
      [&](const Variable &x, const Variable &t) { return fresh.step(x, t); });
  export_library(exported, out + "/mnist_first",
                 {batches[0].x, batches[0].t});
  Library library = load_library(out + "/libmnist_first.so");
  f.aot = run_mode(batches, [&](const Variable &x, const Variable &t) {
    return library.run({x, t})[0];
  });
  for (const Layer::Named &p : fresh.model.named_params())
    f.aot.parameters[p.path] = library.get_state(p.path).to_vector<float>();

  f.bit_equal = same_bits(f.eager, f.jit) && same_bits(f.eager, f.aot);
}

/// One epoch after the other; the first steps eagerly, then compiled.
template <class Step>
void train(const Options &o, Trainer &trainer, Step &step, DataLoader &loader,
           Figures &f) {
  int64_t total = o.epochs * loader.len(), done = 0;
  ProgressBar bar(total);
  double start = now(), sum = 0;
  for (int epoch = 1; epoch <= o.epochs; ++epoch) {
    int64_t in_epoch = 0;
    sum = 0;
    for (auto &[x, t] : loader) {
      Variable loss = done < o.compared ? trainer.step(x, t) : step(x, t);
      f.losses.push_back(loss.item());
      sum += f.losses.back();
      ++done;
      ++in_epoch;
      char text[96];
      snprintf(text, sizeof text, "epoch %d/%d  loss %.4f  %.0f steps/s  %s",
               epoch, o.epochs, sum / double(in_epoch),
               double(done) / (now() - start),
               done <= o.compared ? "eager" : "compiled");
      bar.update(done, text);
    }
  }
  bar.finish();
}

/// Classes of all samples; the last batch may be short.
template <class Predict>
std::vector<int64_t> classify(Predict &predict, const Dataset &data,
                              double &accuracy) {
  std::vector<int64_t> classes;
  int64_t right = 0;
  DataLoader loader(data, kBatch, {.shuffle = false});
  for (auto &[x, t] : loader) {
    auto y = argmax(predict(x), {.axis = 1}).template to_vector<int64_t>();
    auto labels = t.template to_vector<int64_t>();
    for (size_t i = 0; i < y.size(); ++i)
      right += y[i] == labels[i];
    classes.insert(classes.end(), y.begin(), y.end());
  }
  accuracy = double(right) / double(classes.size());
  return classes;
}

/// What host.c reads: images and labels of batches, one after the other.
void write_batches(const Batches &batches, const std::string &file) {
  FILE *out = fopen(file.c_str(), "wb");
  bool good = out;
  for (const Sample &s : batches) {
    auto x = s.x.to_vector<float>();
    auto t = s.t.to_vector<int64_t>();
    good = good && fwrite(x.data(), sizeof(float), x.size(), out) == x.size() &&
           fwrite(t.data(), sizeof(int64_t), t.size(), out) == t.size();
  }
  if (!out || fclose(out) != 0 || !good)
    throw IOError("cannot write '" + file + "': " + strerror(errno));
}

/// Runs the C program next to this one; its losses, and its last line.
std::vector<float> run_host(const std::string &arguments, std::string &last) {
  std::string command =
      (fs::read_symlink("/proc/self/exe").parent_path() / "etch-demo-host")
          .string() +
      " " + arguments;
  FILE *pipe = popen(command.c_str(), "r");
  if (!pipe)
    throw RuntimeError("cannot run " + command);
  std::vector<float> losses;
  char line[256];
  while (fgets(line, sizeof line, pipe)) {
    double loss;
    if (sscanf(line, "loss %la", &loss) == 1)
      losses.push_back(float(loss));
    else
      last = line;
  }
  if (pclose(pipe) != 0)
    throw RuntimeError("failed: " + command);
  return losses;
}

/// The plain C program goes on with the exported step where we stop; so do we,
/// and the losses are compared.
template <class Step>
void continue_in_c(const Options &o, Step &step, const Batches &batches) {
  std::string file = o.out + "/batches.bin", saved = o.out + "/continued.state",
              last;
  write_batches(batches, file);
  fs::remove(saved);
  auto quoted = [](const std::string &s) { return "'" + s + "'"; };
  std::string steps = std::to_string(batches.size());
  std::string call = quoted(o.out) + " " + quoted(file) + " " + steps;
  std::vector<float> in_c = run_host(call + " " + quoted(saved), last), ours;
  for (const Sample &s : batches)
    ours.push_back(step(s.x, s.t).template item<float>());
  printf("A C program without Etch trained %s steps more: losses %s JIT's.\n"
         "It %s",
         steps.c_str(), same_bits(in_c, ours) ? "equal the" : "DIFFER from the",
         last.c_str());
  if (!same_bits(in_c, ours))
    throw RuntimeError("the exported step and the compiled one differ");
}

void draw_graphs(const Options &o, Trainer &trainer, CompiledFunction &step,
                 const Sample &s) {
  Variable loss = softmax_cross_entropy(trainer.model(s.x), s.t);
  plot_dot_graph(loss, o.out + "/graph_before.dot");
  std::string after = get_dot_program(step.program());
  plot_dot_text(after, o.out + "/graph_after.dot");
  if (has_graphviz()) {
    plot_dot_graph(loss, o.out + "/graph_before.svg");
    plot_dot_text(after, o.out + "/graph_after.svg");
  } else {
    printf("Graphviz is not installed: the graphs are in DOT only.\n");
  }
}

void run(const Options &o) {
  Figures f;
  MNIST training = load(o, true), test = load(o, false);
  f.data_source = training.source();
  f.synthetic = training.source() == "synthetic";
  printf("%" PRId64 " digits to learn from, %" PRId64 " to test on: %s\n",
         training.len(), test.len(),
         f.synthetic ? "SYNTHETIC, drawn by a program" : f.data_source.c_str());
  fs::create_directories(o.out);

  Batches first;
  for (int i = 0; i < o.compared; ++i) {
    std::vector<int64_t> indices;
    for (int64_t k = 0; k < kBatch; ++k)
      indices.push_back((i * kBatch + k) % training.len());
    first.push_back(training.batch(indices));
  }
  compare_modes(first, o.out, f);

  Trainer trainer(kSeed, first[0].x);
  DataLoader loader(training, kBatch);
  auto step = compile([&](const Variable &x, const Variable &t) {
    return trainer.step(x, t);
  });
  train(o, trainer, step, loader, f);

  auto predict = compile([&](const Variable &x) { return trainer.predict(x); });
  auto classes = classify(predict, test, f.test_accuracy);

  export_library(step, o.out + "/mnist_step", {first[0].x, first[0].t});
  export_library(predict, o.out + "/mnist_predict", {first[0].x});
  f.artifact_bytes = fs::file_size(o.out + "/libmnist_step.so");
  f.artifact_needed = needed_libraries(o.out + "/libmnist_step.so");
  continue_in_c(o, step, first);

  draw_graphs(o, trainer, step, first[0]);
  write_picture(f, test, classes, o.out + "/digits.png");
  print_table(f);
  if (!o.json.empty())
    write_json(f, o.json);
  printf("\nIn %s: libmnist_step.so, libmnist_predict.so with headers and "
         "states, digits.png, graph_before.dot, graph_after.dot\n",
         o.out.c_str());
  if (!f.bit_equal)
    throw RuntimeError("eager, JIT and AOT differ");
}
} // namespace

int main(int argc, char **argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    fprintf(stderr, "usage: %s [--data DIR] [--json FILE] [--out DIR] "
                    "[--epochs N]\n",
            argv[0]);
    return 2;
  }
  try {
    run(options);
  } catch (const Error &e) {
    fprintf(stderr, "etch-demo: %s\n", e.what());
    return 1;
  }
  return 0;
}

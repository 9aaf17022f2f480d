//===- Operators.cpp - everything between the products --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions as users call them, compiled with `pure`; results are arrays of the
// front end's pool, as the rivals' are of theirs.
//===----------------------------------------------------------------------===//

#include "test/bench/Bench.h"

#include <etch/etch.h>

using namespace etch;
using namespace etch::bench;

namespace {
using Function = Variables (*)(const Variables &);

/// Adds "etch" as the compiled function of the inputs.
void addFunction(std::vector<Workload> &workloads, Workload w,
                 std::function<Variables(const Variables &)> f) {
  auto inputs = w.inputs;
  w.systems.push_back({"etch", [=] {
                         Variables xs;
                         for (size_t i = 0; i < inputs.size(); ++i)
                           xs.push_back(makeInput(inputs[i], i));
                         auto compiled =
                             std::make_shared<Compiled<decltype(f)>>(
                                 compile(f, {.pure = true}));
                         return runnerOf([=] { return (*compiled)(xs); });
                       }});
  workloads.push_back(std::move(w));
}

/// y and what its gradient gy, the last input, gives the others.
Variables withGradients(const Variable &y, const Variables &xs) {
  Variables leaves(xs.begin(), xs.end() - 1), results = {y};
  Variable loss = sum(y * xs.back());
  for (const Variable &g : grad(loss, leaves))
    results.push_back(g);
  return results;
}

/// A cheap operation of a chain; the cycle keeps numbers near one another.
Variable link(const Variable &y, const Variable &x, int i) {
  switch (i % 6) {
  case 0:
    return y * 0.75;
  case 1:
    return y + x;
  case 2:
    return maximum(y, -0.25);
  case 3:
    return y * x;
  case 4:
    return y - 0.125;
  default:
    return abs(y);
  }
}

void addElementwise(std::vector<Workload> &workloads) {
  for (const char *type : {"f32", "f64"})
    for (int64_t size : {int64_t(1) << 13, int64_t(64) << 20}) {
      int64_t bytes = type == std::string("f32") ? 4 : 8;
      bool inCache = size == 1 << 13;
      int64_t n = inCache ? size : size / bytes;
      for (int length : {1, 2, 4, 8, 12}) {
        Workload w;
        w.name = "chain of " + std::to_string(length) + " " + type +
                 (inCache ? ", 8192" : ", 64 MB");
        w.op = "chain";
        w.options = "length=" + std::to_string(length);
        w.inputs = {{{n}, type}};
        w.bytes = inCache ? 0 : double(2 * bytes * n);
        addFunction(workloads, w, [=](const Variables &xs) -> Variables {
          Variable y = xs[0];
          for (int i = 0; i < length; ++i)
            y = link(y, xs[0], i);
          return {y};
        });
      }
    }
  // Reads two arrays for one that it writes, as updates do.
  Workload triad = {"triad f32, 64 MB", "", "", {{{16 << 20}}, {{16 << 20}}}};
  triad.bytes = 12.0 * (16 << 20);
  addFunction(workloads, triad, [](const Variables &xs) -> Variables {
    return {xs[0] * 0.5 + xs[1]};
  });
  struct {
    const char *name;
    Function f;
  } const functions[] = {
      {"exp", [](const Variables &x) -> Variables { return {exp(x[0])}; }},
      {"log",
       [](const Variables &x) -> Variables { return {log(abs(x[0]) + 0.5)}; }},
      {"tanh", [](const Variables &x) -> Variables { return {tanh(x[0])}; }},
      {"erf", [](const Variables &x) -> Variables { return {erf(x[0])}; }},
      {"gelu", [](const Variables &x) -> Variables { return {gelu(x[0])}; }},
      {"sigmoid",
       [](const Variables &x) -> Variables { return {sigmoid(x[0])}; }}};
  for (const char *type : {"f32", "f64"})
    for (auto &[name, f] : functions) {
      Workload w;
      w.name = std::string(name) + " " + type + ", 8192";
      w.op = "function";
      w.options = std::string("name=") + name;
      w.inputs = {{{8192}, type, 8}};
      addFunction(workloads, w, f);
    }
  Workload w = {"dropout 1000x1000", "dropout", "", {{{1000, 1000}}}};
  w.compare = false;
  addFunction(workloads, w, [](const Variables &xs) -> Variables {
    return {dropout(xs[0], 0.5)};
  });
}

void addReductions(std::vector<Workload> &workloads) {
  std::vector<std::vector<int>> axes = {{0}, {1}, {2}, {0, 2}, {0, 1, 2}};
  for (bool odd : {false, true})
    for (const auto &axis : axes) {
      std::string text;
      for (int a : axis)
        text += (text.empty() ? "" : ",") + std::to_string(a);
      std::string round = "sum 128x256x256 over " + text;
      Workload w = {round, "sum", "axis=" + text, {{{128, 256, 256}}}};
      if (odd) {
        w.name = "sum 127x257x251 over " + text;
        w.inputs = {{{127, 257, 251}}};
        w.neighbour = round;
      }
      w.bytes = 4.0 * double(w.inputs[0].size());
      addFunction(workloads, w, [=](const Variables &xs) -> Variables {
        return {sum(xs[0], {.axis = Axes(std::span<const int>(axis))})};
      });
    }
  struct Transpose {
    const char *name;
    std::vector<int64_t> shape;
    std::vector<int> order;
    const char *neighbour = nullptr;
  };
  for (const Transpose &t :
       {Transpose{"2048x2048", {2048, 2048}, {1, 0}},
        {"2053x2039", {2053, 2039}, {1, 0}, "2048x2048"},
        {"64x128x512", {64, 128, 512}, {0, 2, 1}},
        {"61x127x509", {61, 127, 509}, {0, 2, 1}, "64x128x512"},
        {"64x128x512", {64, 128, 512}, {2, 1, 0}},
        {"64x128x512", {64, 128, 512}, {1, 0, 2}}}) {
    std::string text;
    for (int a : t.order)
      text += (text.empty() ? "" : ",") + std::to_string(a);
    Workload w;
    w.name = std::string("transpose ") + t.name + " " + text;
    if (t.neighbour)
      w.neighbour = std::string("transpose ") + t.neighbour + " " + text;
    w.op = "transpose";
    w.options = "axes=" + text;
    w.inputs = {{t.shape}};
    w.bytes = 2 * 4.0 * double(w.inputs[0].size());
    addFunction(workloads, w,
                [order = t.order](const Variables &xs) -> Variables {
                  return {transpose(xs[0], order) + 1.0};
                });
  }
  Workload w = {"embedding 4096 of 50000x256",
                "embedding",
                "",
                {{{50000, 256}}, {{4096}, "i64", 50000}}};
  w.bytes = 2 * 4.0 * 4096 * 256;
  addFunction(workloads, w, [](const Variables &xs) -> Variables {
    return {embed_id(xs[1], xs[0])};
  });
  w = {"embedding gradient 4096 of 5000x256",
       "embedding",
       "grad=1",
       {{{5000, 256}}, {{4096}, "i64", 5000}, {{4096, 256}}}};
  addFunction(workloads, w, [](const Variables &xs) -> Variables {
    return {grad(sum(embed_id(xs[1], xs[0]) * xs[2]), {xs[0]})[0]};
  });
}

void addNormalisations(std::vector<Workload> &workloads) {
  auto both = [&](Workload w, std::vector<int64_t> result,
                  std::function<Variable(const Variables &)> f,
                  const char *neighbour = "") {
    w.neighbour = neighbour;
    addFunction(workloads, w,
                [f](const Variables &xs) -> Variables { return {f(xs)}; });
    w.name += " with gradients";
    w.neighbour += " with gradients";
    w.options += " grad=1";
    w.inputs.push_back({result});
    addFunction(workloads, w,
                [f](const Variables &xs) { return withGradients(f(xs), xs); });
  };
  auto softmaxes = [](const Variables &xs) { return softmax(xs[0]); };
  both({"softmax 4096x1024", "softmax", "", {{{4096, 1024}, "f32", 8}}},
       {4096, 1024}, softmaxes);
  both({"softmax 4099x1021", "softmax", "", {{{4099, 1021}, "f32", 8}}},
       {4099, 1021}, softmaxes, "softmax 4096x1024");
  auto norms = [](const Variables &xs) {
    return layer_norm(xs[0], xs[1], xs[2]);
  };
  both({"layer norm 4096x1024",
        "layer_norm",
        "",
        {{{4096, 1024}}, {{1024}}, {{1024}}}},
       {4096, 1024}, norms);
  both({"layer norm 4099x1021",
        "layer_norm",
        "",
        {{{4099, 1021}}, {{1021}}, {{1021}}}},
       {4099, 1021}, norms, "layer norm 4096x1024");
  auto batches = [](const Variables &xs) {
    return batch_norm(xs[0], xs[1], xs[2]);
  };
  both({"batch norm 32x64x56x56",
        "batch_norm",
        "",
        {{{32, 64, 56, 56}}, {{64}}, {{64}}}},
       {32, 64, 56, 56}, batches);
  both({"batch norm 31x61x53x59",
        "batch_norm",
        "",
        {{{31, 61, 53, 59}}, {{61}}, {{61}}}},
       {31, 61, 53, 59}, batches, "batch norm 32x64x56x56");
  both({"max pooling 32x64x56x56 k2 s2",
        "max_pool",
        "k=2 stride=2 pad=0",
        {{{32, 64, 56, 56}}}},
       {32, 64, 28, 28},
       [](const Variables &xs) { return pooling(xs[0], 2, {.stride = 2}); });
  both({"max pooling 32x64x112x112 k3 s2",
        "max_pool",
        "k=3 stride=2 pad=1",
        {{{32, 64, 112, 112}}}},
       {32, 64, 56, 56}, [](const Variables &xs) {
         return pooling(xs[0], 3, {.stride = 2, .pad = 1});
       });
  both({"average pooling 32x64x56x56 k2 s2",
        "average_pool",
        "k=2 stride=2 pad=0",
        {{{32, 64, 56, 56}}}},
       {32, 64, 28, 28}, [](const Variables &xs) {
         return average_pooling(xs[0], 2, {.stride = 2});
       });
  Workload w = {"cross entropy 4096x1000 with gradient",
                "cross_entropy",
                "",
                {{{4096, 1000}, "f32", 8}, {{4096}, "i64", 1000}}};
  addFunction(workloads, w, [](const Variables &xs) -> Variables {
    Variable loss = softmax_cross_entropy(xs[0], xs[1]);
    return {loss, grad(loss, {xs[0]})[0]};
  });
}
/// Updates of one large parameter, whose gradient is an input: what must move
/// is each array that is read, and each that is written.
template <class OptimizerT>
void addUpdate(std::vector<Workload> &workloads, const char *name,
               int arraysMoved) {
  constexpr int64_t n = 4096; // 64 MB
  Workload w;
  w.name = std::string("update ") + name + " 64 MB";
  w.inputs = {{{n, n}}};
  w.bytes = arraysMoved * 4.0 * n * n;
  w.systems = {{"etch", [input = w.inputs[0]] {
                  struct Net : Model {
                    Linear l{*this, "l", n, {.nobias = true, .in_size = n}};
                  };
                  auto net = std::make_shared<Net>();
                  auto optimizer = std::make_shared<OptimizerT>();
                  optimizer->setup(*net);
                  Variable g = makeInput(input, 0).detach();
                  auto f = [=](const Variable &g) {
                    Variable weight = net->params()[0];
                    weight.set_grad(g);
                    optimizer->update();
                    return sum(weight[0]);
                  };
                  auto step =
                      std::make_shared<Compiled<decltype(f)>>(compile(f));
                  return runnerOf([=] { return (*step)(g); });
                }}};
  workloads.push_back(std::move(w));
}

/// What an operation costs besides its work: a few numbers, eagerly.
void addEager(std::vector<Workload> &workloads) {
  for (const char *name : {"add", "matmul", "tanh"}) {
    Workload w;
    w.name = std::string("eager ") + name + " 8x8";
    w.op = "eager";
    w.options = std::string("name=") + name;
    w.inputs = {{{8, 8}}, {{8, 8}}};
    w.systems = {{"etch", [name = std::string(name), inputs = w.inputs] {
                    Variable a = makeInput(inputs[0], 0),
                             b = makeInput(inputs[1], 1);
                    return runnerOf([=] {
                      return name == "add"    ? a + b
                             : name == "tanh" ? tanh(a)
                                              : matmul(a, b);
                    });
                  }}};
    workloads.push_back(std::move(w));
  }
}
} // namespace

void etch::bench::addOperators(std::vector<Workload> &workloads) {
  Workload w = {"batched matmul 64x64x64x64",
                "batched_matmul",
                "",
                {{{64, 64, 64}}, {{64, 64, 64}}}};
  w.flops = 2.0 * 64 * 64 * 64 * 64;
  addFunction(workloads, w, [](const Variables &xs) -> Variables {
    return {matmul(xs[0], xs[1])};
  });
  w = {"batched matmul 256x16x64x16",
       "batched_matmul",
       "",
       {{{256, 16, 64}}, {{256, 64, 16}}}};
  w.flops = 2.0 * 256 * 16 * 64 * 16;
  addFunction(workloads, w, [](const Variables &xs) -> Variables {
    return {matmul(xs[0], xs[1])};
  });
  addEager(workloads);
  addUpdate<SGD>(workloads, "SGD", 3);
  addUpdate<MomentumSGD>(workloads, "momentum", 5);
  addUpdate<Adam>(workloads, "Adam", 7);
  addNormalisations(workloads);
  addElementwise(workloads);
  addReductions(workloads);
}

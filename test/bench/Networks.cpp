//===- Networks.cpp - inference of large networks -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Their weights are inputs behind x, in the order of params(); running means
// are 0 and variances 1, as in a network that was never trained. Etch keeps
// what depends on weights alone between calls, as onnxruntime does when it
// loads a network.
//===----------------------------------------------------------------------===//

#include "test/bench/Bench.h"

#include <etch/etch.h>

using namespace etch;
using namespace etch::bench;

namespace {
std::shared_ptr<Model> makeNetwork(const std::string &name) {
  if (name == "vgg16")
    return std::make_shared<VGG16>();
  return std::make_shared<ResNet50>();
}

/// x and the weights, whose sizes follow from a first input.
std::vector<Input> inputsOf(const std::string &name, int64_t batch) {
  std::shared_ptr<Model> model = makeNetwork(name);
  NoGrad noGrad;
  TestMode test;
  // Never run: compiling without running is enough to learn the sizes.
  auto f = compile([&](const Variable &x) { return (*model)(x); });
  f.build(zeros({1, 3, 224, 224}, {.dtype = f32}));
  std::vector<Input> inputs = {{{batch, 3, 224, 224}, "f32", 2}};
  for (const Variable &p : model->params())
    inputs.push_back(weight({p.shape().begin(), p.shape().end()}, 24));
  return inputs;
}
} // namespace

void etch::bench::addNetworks(
    std::vector<Workload> &workloads,
    const std::function<bool(const std::string &)> &wanted) {
  for (auto [name, flops] :
       {std::pair("resnet50", 7.7e9), std::pair("vgg16", 30.9e9)})
    for (int64_t batch : {1, 8}) {
      Workload w;
      w.name = std::string("inference ") + name + " b" + std::to_string(batch);
      if (!wanted(w.name))
        continue;
      w.op = name;
      w.inputs = inputsOf(name, batch);
      w.flops = flops * double(batch);
      for (Mode mode : {Mode::strict, Mode::fast})
        w.systems.push_back(
            {mode == Mode::fast ? "etch fast" : "etch",
             [mode, inputs = w.inputs, name = std::string(name)] {
               std::shared_ptr<Model> model = makeNetwork(name);
               NoGrad noGrad;
               TestMode test;
               Variable x = makeInput(inputs[0], 0);
               auto f = [model](const Variable &x) {
                 NoGrad noGrad;
                 TestMode test;
                 return (*model)(x);
               };
               auto compiled = std::make_shared<Compiled<decltype(f)>>(
                   compile(f, {.mode = mode, .pure = true, .freeze = true}));
               compiled->build(x);
               Variables params = model->params();
               for (size_t i = 0; i < params.size(); ++i)
                 params[i].assign(makeInput(inputs[1 + i], 1 + i));
               return runnerOf([=] { return (*compiled)(x); });
             }});
      workloads.push_back(std::move(w));
    }
}

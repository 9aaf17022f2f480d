//===- step58.cpp - VGG16 -------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Thirteen convolutions and three linear layers; the sizes of their inputs come
// from the first image.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    // Red 10, green 20, blue 30 everywhere, for want of a zebra.
    Variable image =
        broadcast_to(array({10.0, 20.0, 30.0}).reshape(3, 1, 1), {3, 240, 320});
    Variable input = VGG16::preprocess(image);
    report("input", to_string(input.shape()));
    report("blue, green, red, less their means",
           stack({input[{0, 0, 0}], input[{1, 0, 0}], input[{2, 0, 0}]}));

    TestMode scope;
    NoGrad no_graph;
    random::seed(0);
    VGG16 model;
    Variable batch = expand_dims(input, 0);
    Variable y = model(batch);
    report("output", to_string(y.shape()));
    int64_t count = 0;
    for (const Variable &p : model.params())
      count += p.size();
    report("parameters", count);
    report("probabilities sum up", std::abs(sum(softmax(y)).item() - 1) < 1e-5);
    auto program = compile([&](const Variable &v) { return model(v); });
    must_agree("compiled", "scores", y, program(batch));
    modes.compiled = true;
    std::string channels;
    for (const auto &[path, p] : model.named_params())
      if (path.find("conv") != path.npos && p->ndim() == 4)
        channels += (channels.empty() ? "" : " ") + std::to_string(p->len());
    report("channels", channels);
    // Nothing of the size of a column matrix is stored.
    report("arena below the first layer's windows",
           program.arena_bytes() < 64 * 224 * 224 * 9 * sizeof(float));
  });
}

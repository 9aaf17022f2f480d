//===- train.cpp - What is shipped: a training step and a prediction ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: train [CPU]
// Learns a sine, exports both programs into the working folder, and goes on for
// a hundred steps more, which serve.c repeats without Etch.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cstdio>
#include <filesystem>
#include <numbers>
using namespace etch;

int main(int argc, char **argv) {
  std::string cpu = argc > 1 ? argv[1] : "native";
  random::seed(0);
  Variable x = random::rand({1000, 1}).astype(f32).data();
  Variable t = sin(2 * std::numbers::pi * x).astype(f32).data();
  MLP model({200, 200, 1}, tanh);
  auto optimizer = Adam().setup(model);
  auto step = compile(
      [&](const Variable &x, const Variable &t) {
        Variable loss = mean_squared_error(model(x), t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
        return loss;
      },
      {.dynamic = false});
  auto predict =
      compile([&](const Variable &x) { return model(x); }, {.dynamic = false});
  for (int i = 0; i < 100; ++i)
    step(x, t);

  export_library(step, "sine_step", {x, t}, {.mcpu = cpu});
  {
    NoGrad scope;
    export_library(predict, "sine_predict", {x},
                   {.embed_weights = true, .mcpu = cpu});
  }
  model.save_weights("sine.npz");
  FILE *data = std::fopen("data.bin", "wb"); // what serve.c reads
  for (const Variable &v : {x, t})
    std::fwrite(v.span<const float>().data(), sizeof(float), 1000, data);
  std::fclose(data);
  for (const char *name : {"libsine_step.so", "sine_step.state",
                           "libsine_predict.so", "sine_predict.state"})
    std::printf("%s %ju bytes\n", name,
                uintmax_t(std::filesystem::file_size(name)));
  std::printf("arena of the step %ju bytes\n", uintmax_t(step.arena_bytes()));

  std::printf("prediction: %a\n", predict(x)[0].item<float>());
  Variable loss;
  for (int i = 0; i < 100; ++i)
    loss = step(x, t);
  std::printf("loss after 100 steps more: %a\n", loss.item<float>());
}

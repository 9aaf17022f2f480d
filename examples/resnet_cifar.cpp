//===- resnet_cifar.cpp - A residual network on small colour images -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads images in CIFAR-10's binary format from the folder that is named, or
// else writes such files of its own first: stripes in ten directions, with
// noise. With
// --short, a few batches.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numbers>
using namespace etch;

/// A file of `count` records: the label, then red, green and blue, 32x32 each.
static void write_file(const std::string &path, int count) {
  std::ofstream out(path, std::ios::binary);
  for (int n = 0; n < count; ++n) {
    int label = n % 10;
    double angle = label * std::numbers::pi / 10;
    double phase = 6 * random::rand().item();
    std::vector<double> noise = random::rand({3072}).to_vector();
    out.put(char(label));
    for (int i = 0; i < 3072; ++i) {
      int x = i % 32, y = i / 32 % 32;
      double at = x * std::cos(angle) + y * std::sin(angle);
      double wave = 0.5 + 0.4 * std::sin(0.8 * at + phase);
      out.put(char(int(200 * wave + 50 * noise[size_t(i)])));
    }
  }
}
static std::string generate(int count) {
  std::filesystem::path folder = "cifar-10-batches-bin";
  std::filesystem::create_directories(folder);
  for (int i = 1; i <= 5; ++i)
    write_file(folder / ("data_batch_" + std::to_string(i) + ".bin"), count);
  write_file(folder / "test_batch.bin", count);
  return folder.string();
}

struct Trainer {
  ResNet18 model{{.classes = 10, .width = 16}};
  MomentumSGD optimizer{{.lr = 0.02}};
  Trainer() { optimizer.setup(model).add_hook(WeightDecay(1e-4)); }
  Variable step(const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  }
};

int main(int argc, char **argv) {
  bool brief = argc > 1 && !std::strcmp(argv[1], "--short");
  random::seed(0);
  std::string folder =
      argc > 1 && !brief ? argv[1] : generate(brief ? 100 : 400);
  CIFAR10 data({.directory = folder,
                .transform = Compose{
                    ToArray{}, Normalize{.mean = 128, .std = 64},
                    RandomHorizontalFlip{argc > 1 && !brief ? 0.5 : 0}}});
  CIFAR10 test(
      {.train = false,
       .directory = folder,
       .transform = Compose{ToArray{}, Normalize{.mean = 128, .std = 64}}});
  Trainer trainer;
  auto step = compile(
      [&](const Variable &x, const Variable &t) { return trainer.step(x, t); });
  auto share = compile([&](const Variable &x, const Variable &t) {
    TestMode scope;
    return accuracy(trainer.model(x), t);
  });
  int64_t parameters = 0;
  DataLoader loader(data, 50, {.prefetch = 2});
  double best = 0;
  for (int epoch = 1; epoch <= (brief ? 4 : 10); ++epoch) {
    double loss = 0, right = 0;
    for (auto &[x, t] : loader)
      loss += step(x, t).item() / double(loader.len());
    for (auto &[x, t] : DataLoader(test, 50, {.shuffle = false}))
      right += share(x, t).item() * double(x.len()) / double(test.len());
    best = std::max(best, right);
    std::printf("epoch %d  loss %.3f  test accuracy %.3f\n", epoch, loss,
                right);
  }
  for (const Variable &p : trainer.model.params())
    parameters += p.size();
  std::printf("%lld parameters, %d kernels per step\n", (long long)parameters,
              step.num_launches());
  return best > (brief ? 0.2 : 0.5) ? 0 : 1;
}

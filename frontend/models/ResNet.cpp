//===- ResNet.cpp - Residual networks -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/vision.h"
#include "frontend/models/Pretrained.h"

#include <array>

namespace etch {

/// Two 3x3 convolutions, or three, 1x1, 3x3 and 1x1 (a bottleneck), each with a
/// BatchNorm; to their result x is added, by a 1x1 convolution where the shape
/// changes.
class ResNet::Block : public Layer {
public:
  Block(Layer &owner, std::string name, bool bottleneck, int64_t channels,
        int64_t stride, bool projects, bool stride_in_3x3)
      : Layer(owner, std::move(name)), projects(projects) {
    auto append = [&](int64_t out, int64_t kernel, int64_t stride) {
      std::string number = std::to_string(steps.size() + 1);
      steps.push_back(
          {std::make_unique<Conv2d>(*this, "conv" + number, out, kernel,
                                    Conv2dOptions{.stride = stride,
                                                  .pad = kernel / 2,
                                                  .nobias = true}),
           std::make_unique<BatchNorm>(*this, "bn" + number)});
    };
    if (bottleneck) {
      append(channels, 1, stride_in_3x3 ? 1 : stride);
      append(channels, 3, stride_in_3x3 ? stride : 1);
      append(4 * channels, 1, 1);
    } else {
      append(channels, 3, stride);
      append(channels, 3, 1);
    }
    if (projects)
      append(bottleneck ? 4 * channels : channels, 1, stride);
  }

  Variable forward(const Variable &x) override {
    size_t count = steps.size() - projects;
    Variable y = x;
    for (size_t i = 0; i < count; ++i) {
      y = apply(i, y);
      if (i + 1 < count)
        y = relu(y);
    }
    return relu(y + (projects ? apply(count, x) : x));
  }

private:
  struct Step {
    std::unique_ptr<Conv2d> convolution;
    std::unique_ptr<BatchNorm> norm;
  };
  Variable apply(size_t i, const Variable &x) {
    return (*steps[i].norm)((*steps[i].convolution)(x));
  }

  std::vector<Step> steps;
  bool projects;
};

/// Blocks of equal size, of which the first one may change the shape.
class ResNet::Stage : public Layer {
public:
  Stage(Layer &owner, std::string name, int count, bool bottleneck,
        int64_t channels, int64_t stride, bool stride_in_3x3)
      : Layer(owner, std::move(name)) {
    for (int i = 0; i < count; ++i) {
      bool first = i == 0;
      blocks.push_back(std::make_unique<Block>(
          *this, first ? "a" : "b" + std::to_string(i), bottleneck, channels,
          first ? stride : 1, first && (bottleneck || stride != 1),
          stride_in_3x3));
    }
  }

  Variable forward(const Variable &x) override {
    Variable y = x;
    for (auto &block : blocks)
      y = (*block)(y);
    return y;
  }

private:
  std::vector<std::unique_ptr<Block>> blocks;
};

ResNet::ResNet(int layers, const ResNetOptions &options) {
  build(layers, options);
}

ResNet::ResNet(Layer &owner, std::string name, int layers,
               const ResNetOptions &options)
    : Model(owner, std::move(name)) {
  build(layers, options);
}

ResNet::~ResNet() = default;

void ResNet::build(int count, const ResNetOptions &options) {
  constexpr std::pair<int, std::array<int, 4>> plans[] = {{18, {2, 2, 2, 2}},
                                                          {34, {3, 4, 6, 3}},
                                                          {50, {3, 4, 6, 3}},
                                                          {101, {3, 4, 23, 3}},
                                                          {152, {3, 8, 36, 3}}};
  const std::array<int, 4> *blocks = nullptr;
  for (const auto &[layers, plan] : plans)
    if (layers == count)
      blocks = &plan;
  if (!blocks)
    throw ValueError("ResNet: there are networks of 18, 34, 50, 101 and 152 "
                     "layers, not of " +
                         std::to_string(count),
                     Location().in_user_code());
  bool bottleneck = count >= 50;
  if (options.pretrained && !bottleneck)
    throw ValueError("ResNet: there are no weights for " +
                         std::to_string(count) + " layers",
                     Location().in_user_code());
  conv1 = std::make_unique<Conv2d>(*this, "conv1", options.width, 7,
                                   Conv2dOptions{.stride = 2, .pad = 3});
  bn1 = std::make_unique<BatchNorm>(*this, "bn1");
  int64_t channels = options.width;
  for (int i = 0; i < 4; ++i, channels *= 2)
    stages.push_back(std::make_unique<Stage>(
        *this, "res" + std::to_string(i + 2), (*blocks)[size_t(i)], bottleneck,
        channels, i == 0 ? 1 : 2, options.stride_in_3x3));
  fc6 = std::make_unique<Linear>(*this, "fc6", options.classes);
  if (options.pretrained)
    detail::load_pretrained(*this, "resnet" + std::to_string(count) + ".npz");
}

Variable ResNet::forward(const Variable &x) {
  Variable y = detail::covering_pooling(relu((*bn1)((*conv1)(x))));
  for (auto &stage : stages)
    y = (*stage)(y);
  return (*fc6)(global_average_pooling(y));
}

} // namespace etch

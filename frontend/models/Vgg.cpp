//===- Vgg.cpp - VGG16 ----------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/vision.h"

#include "etch/image.h"
#include "etch/random.h"
#include "frontend/models/Pretrained.h"

namespace etch {

VGG16::VGG16(const VisionOptions &options) : options(options) { build(); }

VGG16::VGG16(Layer &owner, std::string name, const VisionOptions &options)
    : Model(owner, std::move(name)), options(options) {
  build();
}

void VGG16::build() {
  // Convolutions of a block, and their channels in widths.
  constexpr std::pair<int, int> plan[] = {
      {2, 1}, {2, 2}, {3, 4}, {3, 8}, {3, 8}};
  for (auto [count, factor] : plan) {
    std::string block = "conv" + std::to_string(blocks.size() + 1) + "_";
    std::vector<std::unique_ptr<Conv2d>> convolutions;
    for (int i = 1; i <= count; ++i)
      convolutions.push_back(std::make_unique<Conv2d>(
          *this, block + std::to_string(i), options.width * factor, 3,
          Conv2dOptions{.pad = 1}));
    blocks.push_back(std::move(convolutions));
  }
  int number = 6;
  for (int64_t size : {options.hidden, options.hidden, options.classes})
    layers.push_back(
        std::make_unique<Linear>(*this, "fc" + std::to_string(number++), size));
  if (options.pretrained)
    detail::load_pretrained(*this, "vgg16.npz");
}

Variable VGG16::forward(const Variable &x) {
  Variable y = x;
  for (auto &block : blocks) {
    for (auto &convolution : block)
      y = relu((*convolution)(y));
    y = pooling(y, 2, {.stride = 2});
  }
  y = flatten(y);
  for (size_t i = 0; i + 1 < layers.size(); ++i)
    y = dropout(relu((*layers[i])(y)), options.dropout);
  return (*layers.back())(y);
}

Variable VGG16::preprocess(const Variable &image) {
  return vgg16_preprocess(image);
}

} // namespace etch

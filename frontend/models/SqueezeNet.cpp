//===- SqueezeNet.cpp - Few weights, many channels ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/vision.h"

#include "etch/random.h"
#include "frontend/models/Pretrained.h"

namespace etch {

/// Squeezes to few channels, expands them by filters of two sizes.
class SqueezeNet::Fire : public Layer {
public:
  Fire(Layer &owner, std::string name, int64_t few, int64_t many)
      : Layer(owner, std::move(name)), squeeze(*this, "squeeze", few, 1),
        expand1x1(*this, "expand1x1", many, 1),
        expand3x3(*this, "expand3x3", many, 3, {.pad = 1}) {}

  Variable forward(const Variable &x) override {
    Variable y = relu(squeeze(x));
    return concat({relu(expand1x1(y)), relu(expand3x3(y))}, 1);
  }

private:
  Conv2d squeeze, expand1x1, expand3x3;
};

SqueezeNet::SqueezeNet(const VisionOptions &options) : options(options) {
  build();
}

SqueezeNet::SqueezeNet(Layer &owner, std::string name,
                       const VisionOptions &options)
    : Model(owner, std::move(name)), options(options) {
  build();
}

SqueezeNet::~SqueezeNet() = default;

void SqueezeNet::build() {
  if (options.pretrained)
    throw ValueError("SqueezeNet: there are no weights to be had",
                     Location().in_user_code());
  conv1 = std::make_unique<Conv2d>(*this, "conv1", options.width, 3,
                                   Conv2dOptions{.stride = 2});
  // Channels in quarters of the width: 16 of 64.
  constexpr std::pair<int, int> plan[] = {{1, 4},  {1, 4},  {2, 8},  {2, 8},
                                          {3, 12}, {3, 12}, {4, 16}, {4, 16}};
  auto channels = [&](int quarters) {
    return std::max<int64_t>(options.width * quarters / 4, 1);
  };
  for (auto [few, many] : plan)
    fires.push_back(
        std::make_unique<Fire>(*this, "fire" + std::to_string(fires.size() + 2),
                               channels(few), channels(many)));
  conv10 = std::make_unique<Conv2d>(*this, "conv10", options.classes, 1);
}

Variable SqueezeNet::forward(const Variable &x) {
  Variable y = detail::covering_pooling(relu((*conv1)(x)));
  for (size_t i = 0; i < fires.size(); ++i) {
    y = (*fires[i])(y);
    if (i == 1 || i == 3)
      y = detail::covering_pooling(y);
  }
  y = relu((*conv10)(dropout(y, options.dropout)));
  return global_average_pooling(y);
}

} // namespace etch

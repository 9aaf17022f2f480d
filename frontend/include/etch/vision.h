//===- vision.h - Networks that recognise images ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   VGG16 model({.pretrained = true});
//   TestMode scope;
//   Variable x = VGG16::preprocess(load_image("zebra.jpg"));
//   Variable y = model(expand_dims(x, 0));          // (1, 1000)
//
// Images are (N, 3, H, W); what a network gives are scores of classes (N,
// 1000). Sizes follow from the first input. The names of weights are those of
// DeZero's models, so that their .npz files can be loaded by load_weights().
//===----------------------------------------------------------------------===//
#ifndef ETCH_VISION_H
#define ETCH_VISION_H

#include "etch/convolution.h"
#include "etch/models.h"

namespace etch {

/// Options of VGG16 and SqueezeNet.
struct VisionOptions {
  int64_t classes = 1000;
  /// Channels of the narrowest layers, of which the others are multiples, and
  /// elements of the hidden ones of VGG16.
  int64_t width = 64;
  int64_t hidden = 4096;
  double dropout = 0.5; ///< in training
  /// Loads the weights of DeZero's collection, fetched once by get_file() (not
  /// for SqueezeNet: ValueError). IOError when they cannot be had.
  bool pretrained = false;
};

/// 13 convolutions conv1_1 … conv5_3 and three Linear layers fc6 … fc8.
/// [Simonyan, Zisserman 2014]
class VGG16 : public Model {
public:
  explicit VGG16(const VisionOptions &options = {});
  VGG16(Layer &owner, std::string name, const VisionOptions &options = {});
  Variable forward(const Variable &x) override;

  /// (3, 224, 224) float32 from an image with red, green and blue from 0 to
  /// 255; see vgg16_preprocess.
  static Variable preprocess(const Variable &image);

private:
  void build();

  VisionOptions options;
  std::vector<std::vector<std::unique_ptr<Conv2d>>> blocks;
  std::vector<std::unique_ptr<Linear>> layers;
};

struct ResNetOptions {
  int64_t classes = 1000;
  int64_t width = 64; ///< channels of the first layers
  /// Where blocks of three convolutions get smaller: at the first, 1x1, as in
  /// the article, or at the second, 3x3, as in many later implementations.
  bool stride_in_3x3 = false;
  bool pretrained = false; ///< as in VisionOptions; 50, 101 and 152 only
};

/// Residual networks of 18, 34, 50, 101 or 152 layers: conv1, bn1, the stages
/// res2 … res5 of blocks a, b1, b2, …, and fc6. [He, Zhang, Ren, Sun 2015]
class ResNet : public Model {
public:
  explicit ResNet(int layers, const ResNetOptions &options = {});
  ResNet(Layer &owner, std::string name, int layers,
         const ResNetOptions &options = {});
  Variable forward(const Variable &x) override;

private:
  class Block;
  class Stage;
  void build(int count, const ResNetOptions &options);

  std::unique_ptr<Conv2d> conv1;
  std::unique_ptr<BatchNorm> bn1;
  std::vector<std::unique_ptr<Stage>> stages;
  std::unique_ptr<Linear> fc6;

public:
  ~ResNet() override;
};

/// The network of this depth, as a type: it can be an element of others.
template <int layers> class ResNetOf : public ResNet {
public:
  explicit ResNetOf(const ResNetOptions &options = {})
      : ResNet(layers, options) {}
  ResNetOf(Layer &owner, std::string name, const ResNetOptions &options = {})
      : ResNet(owner, std::move(name), layers, options) {}
};
using ResNet18 = ResNetOf<18>;
using ResNet34 = ResNetOf<34>;
using ResNet50 = ResNetOf<50>;
using ResNet101 = ResNetOf<101>;
using ResNet152 = ResNetOf<152>;

/// SqueezeNet 1.1: conv1, the modules fire2 … fire9, of which each squeezes to
/// few channels and expands them by 1x1 and 3x3 filters, and conv10. As
/// accurate as much larger networks were. [Iandola et al. 2016]
class SqueezeNet : public Model {
public:
  explicit SqueezeNet(const VisionOptions &options = {});
  SqueezeNet(Layer &owner, std::string name, const VisionOptions &options = {});
  ~SqueezeNet() override;
  Variable forward(const Variable &x) override;

private:
  class Fire;
  void build();

  VisionOptions options;
  std::unique_ptr<Conv2d> conv1, conv10;
  std::vector<std::unique_ptr<Fire>> fires;
};

} // namespace etch

#endif // ETCH_VISION_H

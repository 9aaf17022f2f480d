//===- VisionTest.cpp - VGG16, ResNet, SqueezeNet -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Narrow networks, whose weights are sines, against NumPy's values of the
// articles' formulas (test/data/vision.json); the full ones by their numbers of
// parameters. The weights come from files with DeZero's names.

#include "etch/etch.h"
#include "test/runtime/TemporaryFolder.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>

using namespace etch;
using test::Json;
using test::near;
using test::TemporaryFolder;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

Variable images(int64_t count, int64_t size, DType dtype = f64) {
  return sin(arange(0.0, double(count * 3 * size * size)) * 0.1)
      .reshape(count, 3, size, size)
      .astype(dtype);
}

/// What the weight at `path` is: a sine, scaled and shifted as befits it.
Variable contents(const std::string &path, const Shape &shape) {
  Variable wave =
      sin(arange(0.0, double(shape.elements())) * 0.7 + double(path.size()))
          .reshape(shape);
  std::string kind = path.substr(path.rfind('/') + 1);
  if (kind == "W") {
    int64_t fan = shape.rank() == 4 ? shape.elements() / shape[0] : shape[0];
    return wave * std::sqrt(2.0 / double(fan));
  }
  return 0.1 * wave + (kind == "gamma" || kind == "avg_var" ? 1.0 : 0.0);
}

/// A file of such weights for a model whose sizes are known.
void write_weights(const Layer &model, const std::string &path) {
  std::map<std::string, Variable> arrays;
  for (const Layer::Named &n : model.named_params())
    arrays[n.path] = contents(n.path, n.parameter->shape());
  save_npz(path, arrays);
}

/// `model` gets its weights from a file that fits `twin`, which has run once.
template <class M>
std::vector<double> forward(M &twin, M &model, const Variable &x) {
  TemporaryFolder folder;
  twin(x);
  write_weights(twin, folder / "weights.npz");
  model.load_weights(folder / "weights.npz");
  TestMode scope;
  return model(x).to_vector();
}

const Json &expected() {
  static const Json data = Json::data("vision.json");
  return data;
}

int64_t count_parameters(const Layer &model) {
  int64_t count = 0;
  for (const Variable &p : model.params())
    count += p.size();
  return count;
}

std::vector<std::string> paths(const Layer &model) {
  std::vector<std::string> all;
  for (const Layer::Named &n : model.named_params())
    all.push_back(n.path);
  return all;
}

constexpr VisionOptions narrow{.classes = 5, .width = 2, .hidden = 6};
constexpr ResNetOptions slim{.classes = 5, .width = 4};

TEST(Vgg16, C114_C115_ValuesWithLoadedWeights) {
  VGG16 twin(narrow), model(narrow);
  Variable x = images(2, 32);
  EXPECT_TRUE(near(forward(twin, model, x), expected()["vgg16"].numbers(),
                   1e-11, 1e-13));
  std::vector<std::string> names = paths(model);
  ASSERT_EQ(names.size(), 32u);
  EXPECT_EQ(names[0], "conv1_1/W");
  EXPECT_EQ(names[25], "conv5_3/b");
  EXPECT_EQ(names[26], "fc6/W");
  // In training, dropout.
  EXPECT_NE(model(x).to_vector(), model(x).to_vector());
}

TEST(Vgg16, C115_AFileThatLacksWeights) {
  TemporaryFolder folder;
  VGG16 model(narrow);
  save_npz(folder / "part.npz", {{"conv1_1/W", ones({2, 3, 3, 3})}});
  EXPECT_THAT([&] { model.load_weights(folder / "part.npz"); },
              ThrowsMessage<ValueError>(HasSubstr("conv1_1/b")));
  EXPECT_FALSE(model.named_params()[0].parameter->defined());
}

TEST(Vgg16, C115_PretrainedWeightsComeFromTheCache) {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder / "etch");
  Variable x = images(1, 32);
  VGG16 vgg(narrow);
  ResNet50 resnet(slim);
  vgg(x), resnet(x);
  write_weights(vgg, folder / "etch/vgg16.npz");
  write_weights(resnet, folder / "etch/resnet50.npz");
  const char *set = std::getenv("XDG_CACHE_HOME");
  std::string old = set ? set : "";
  setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
  VisionOptions ready = narrow;
  ready.pretrained = true;
  ResNetOptions ready_too = slim;
  ready_too.pretrained = true;
  VGG16 other(ready);
  ResNet50 deep(ready_too);
  set ? setenv("XDG_CACHE_HOME", old.c_str(), 1) : unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(other.named_params()[0].parameter->to_vector(),
            contents("conv1_1/W", {2, 3, 3, 3}).to_vector());
  TestMode scope;
  EXPECT_TRUE(other(x).dtype() == f64 && deep(x).dtype() == f64);
}

TEST(Vgg16, C115_AZebraIsOne) {
  const char *folder = std::getenv("ETCH_DATA_DIR");
  std::string path = folder ? folder : ".";
  if (!std::filesystem::exists(path + "/vgg16.npz") ||
      !std::filesystem::exists(path + "/zebra.jpg"))
    GTEST_SKIP() << "no vgg16.npz and zebra.jpg in $ETCH_DATA_DIR";
  VGG16 model;
  model.load_weights(path + "/vgg16.npz");
  TestMode scope;
  Variable x = VGG16::preprocess(load_image(path + "/zebra.jpg"));
  EXPECT_EQ(argmax(model(expand_dims(x, 0))).item<int64_t>(), 340);
}

TEST(Vgg16, SinglePrecisionStaysInTraining) {
  VGG16 model(narrow);
  Variable y = model(images(1, 32, f32));
  EXPECT_EQ(y.dtype(), f32);
  y.backward();
  for (const Variable &p : model.params())
    EXPECT_TRUE(p.dtype() == f32 && p.grad().dtype() == f32) << p.name();
}

TEST(Vgg16, GradientsInTestMode) {
  TemporaryFolder folder;
  VGG16 twin(narrow), model(narrow);
  Variable x = images(2, 32);
  twin(x);
  write_weights(twin, folder / "weights.npz");
  model.load_weights(folder / "weights.npz");
  TestMode scope; // no dropout: the same at each call
  model(x).backward();
  double slope = 0;
  auto moved = [&](double by) { // along the gradients
    for (const Layer::Named &n : model.named_params())
      n.parameter->assign(contents(n.path, n.parameter->shape()) +
                          by * n.parameter->grad());
    return sum(model(x)).item();
  };
  for (const Layer::Named &n : model.named_params()) {
    Variable w = contents(n.path, n.parameter->shape());
    EXPECT_EQ(n.parameter->to_vector(), w.to_vector()) << n.path;
    EXPECT_GT(max(abs(n.parameter->grad())).item(), 0) << n.path;
    slope += sum(square(n.parameter->grad())).item();
  }
  double h = 1e-5 / std::sqrt(slope);
  EXPECT_NEAR((moved(h) - moved(-h)) / (2 * h), slope, 1e-6 * slope);
}

template <class M> std::vector<double> train(M &model, bool compiled) {
  random::seed(0);
  Variable x = images(2, 32, f32), t = array({1, 3});
  auto optimizer = Adam({.lr = 0.01}).setup(model);
  auto body = [&](const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  };
  auto step = compile(body);
  std::vector<double> all;
  for (int i = 0; i < 3; ++i)
    all.push_back((compiled ? step(x, t) : body(x, t)).item());
  for (const Layer::Named &n : model.named_params())
    for (double w : n.parameter->to_vector())
      all.push_back(w);
  if (compiled) {
    EXPECT_EQ(step.compile_count(), 1);
  }
  return all;
}

TEST(Vgg16, C136_C150_TrainingCompiled) {
  VGG16 eager(narrow), compiled(narrow);
  EXPECT_EQ(train(compiled, true), train(eager, false));
}

TEST(ResNet, C117_ValuesWithLoadedWeights) {
  ResNet18 twin(slim), model(slim);
  EXPECT_TRUE(near(forward(twin, model, images(2, 33)),
                   expected()["resnet18"].numbers(), 1e-11, 1e-13));
  ResNet50 deep_twin(slim), deep(slim);
  EXPECT_TRUE(near(forward(deep_twin, deep, images(1, 38)),
                   expected()["resnet50"].numbers(), 1e-10, 1e-12));
  ResNetOptions later = slim;
  later.stride_in_3x3 = true;
  ResNet50 later_twin(later), late(later);
  EXPECT_TRUE(near(forward(later_twin, late, images(1, 38)),
                   expected()["resnet50_3x3"].numbers(), 1e-10, 1e-12));
  std::vector<std::string> names = paths(deep);
  EXPECT_EQ(names[0], "conv1/W");
  EXPECT_THAT(
      names, testing::IsSupersetOf({"conv1/b", "bn1/avg_mean", "res2/a/conv1/W",
                                    "res2/a/bn4/gamma", "res2/b2/conv3/W",
                                    "res5/b2/bn3/avg_var", "fc6/W", "fc6/b"}));
  EXPECT_THAT(names, testing::Not(testing::Contains("res2/a/conv1/b")));
}

TEST(ResNet, C136_C150_TrainingCompiled) {
  ResNet18 eager(slim), compiled(slim);
  EXPECT_EQ(train(compiled, true), train(eager, false));
}

TEST(ResNet, C127_C136_ExportedStepAndInference) {
  TemporaryFolder folder;
  random::seed(0);
  ResNet18 model(slim);
  Variable x = images(2, 32, f32), t = array({1, 3});
  auto optimizer = MomentumSGD().setup(model);
  auto step = compile([&](const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  });
  step(x, t);
  export_library(step, folder / "step", {x, t});
  Library library = load_library(folder / "libstep.so");
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(library.run({x, t})[0].to_vector(), step(x, t).to_vector());
  for (const char *name : {"bn1/avg_var", "res5/b1/bn2/avg_mean", "fc6/W"}) {
    std::vector<double> of_model;
    for (const Layer::Named &n : model.named_params())
      if (n.path == name)
        of_model = n.parameter->to_vector();
    EXPECT_EQ(library.get_state(name).to_vector(), of_model) << name;
  }
  TestMode scope;
  auto infer = compile([&](const Variable &x) { return model(x); });
  infer(x);
  export_library(infer, folder / "infer", {x}, {.embed_weights = true});
  EXPECT_EQ(load_library(folder / "libinfer.so").run({x})[0].to_vector(),
            model(x).to_vector());
}

TEST(ResNet, C117_NumbersOfParameters) {
  Variable x = images(1, 32, f32);
  TestMode scope;
  NoGrad no_grad;
  for (int layers : {18, 34, 50, 101, 152}) {
    ResNet model(layers);
    EXPECT_EQ(model(x).shape(), (Shape{1, 1000}));
    EXPECT_EQ(
        double(count_parameters(model)),
        expected()["parameters"]["resnet" + std::to_string(layers)].number());
  }
  EXPECT_THAT([] { ResNet(51); }, ThrowsMessage<ValueError>(HasSubstr("51")));
  EXPECT_THROW(ResNet18({.pretrained = true}), ValueError);
}

TEST(SqueezeNet, ValuesWithLoadedWeights) {
  VisionOptions small{.classes = 5, .width = 8};
  SqueezeNet twin(small), model(small);
  EXPECT_TRUE(near(forward(twin, model, images(2, 50)),
                   expected()["squeezenet"].numbers(), 1e-11, 1e-13));
  EXPECT_THROW(SqueezeNet({.pretrained = true}), ValueError);
}

TEST(SqueezeNet, NumberOfParameters) {
  SqueezeNet model;
  TestMode scope;
  EXPECT_EQ(model(images(1, 224, f32)).shape(), (Shape{1, 1000}));
  EXPECT_EQ(double(count_parameters(model)),
            expected()["parameters"]["squeezenet"].number());
}

TEST(SqueezeNet, C136_C150_TrainingCompiled) {
  VisionOptions small{.classes = 5, .width = 8};
  SqueezeNet eager(small), compiled(small);
  EXPECT_EQ(train(compiled, true), train(eager, false));
}

TEST(Vgg16, C114_ShapeAndNumberOfParameters) {
  VGG16 model;
  TestMode scope;
  NoGrad no_grad;
  EXPECT_EQ(model(images(1, 224, f32)).shape(), (Shape{1, 1000}));
  EXPECT_EQ(double(count_parameters(model)),
            expected()["parameters"]["vgg16"].number());
}

TEST(Vgg16, C116_Preprocess) {
  Variable image = zeros({3, 10, 20}, {.dtype = i32}) +
                   array({{{10}}, {{20}}, {{30}}}); // red, green, blue
  Variable x = VGG16::preprocess(image);
  EXPECT_EQ(x.shape(), (Shape{3, 224, 224}));
  EXPECT_EQ(x.dtype(), f32);
  EXPECT_FLOAT_EQ(x[0][0][0].item<float>(), 30 - 103.939f);
  EXPECT_FLOAT_EQ(x[1][5][9].item<float>(), 20 - 116.779f);
  EXPECT_FLOAT_EQ(x[2][223][223].item<float>(), 10 - 123.68f);
}

TEST(Vision, PartsOfOtherModels) {
  struct Twice : Model {
    ResNet18 left{*this, "left", slim};
    SqueezeNet right{*this, "right", {.classes = 5, .width = 8}};
    Variable forward(const Variable &x) override { return left(x) + right(x); }
  } model;
  EXPECT_EQ(model(images(1, 40)).shape(), (Shape{1, 5}));
  EXPECT_THAT(paths(model), testing::IsSupersetOf({"left/res3/a/conv3/W",
                                                   "right/fire2/squeeze/b"}));
}

} // namespace

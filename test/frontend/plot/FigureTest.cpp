//===- FigureTest.cpp - Plots of numbers ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "test/runtime/TemporaryFolder.h"

#include <cmath>
#include <gmock/gmock.h>

using namespace etch;
using test::readBytes;
using test::TemporaryFolder;
using testing::HasSubstr;

namespace {

/// How many pixels of a picture have this colour.
int64_t count(const std::string &file, int red, int green, int blue) {
  Variable image = load_image(file);
  std::vector<int32_t> v = image.to_vector<int32_t>();
  size_t plane = v.size() / 3;
  int64_t n = 0;
  for (size_t i = 0; i < plane; ++i)
    n += v[i] == red && v[plane + i] == green && v[2 * plane + i] == blue;
  return n;
}

TEST(Figure, Curves) {
  TemporaryFolder folder;
  Variable x = linspace(0, 6.28, 100);
  Figure figure({.width = 320, .height = 240, .title = "sine"});
  figure.plot(x, sin(x), "sin").plot(x, cos(x));
  figure.save(folder / "f.png");
  Variable image = load_image(folder / "f.png");
  EXPECT_EQ(image.shape(), (Shape{3, 240, 320}));
  EXPECT_GT(count(folder / "f.png", 31, 119, 180), 300);
  EXPECT_GT(count(folder / "f.png", 255, 127, 14), 300);
  // Another picture of the same numbers is the same picture.
  figure.save(folder / "g.png");
  EXPECT_EQ(readBytes(folder / "f.png"), readBytes(folder / "g.png"));
  EXPECT_EQ(folder.count(), 2u);
}

TEST(Figure, NumbersAsText) {
  TemporaryFolder folder;
  Figure figure;
  figure.plot(std::vector<double>{0.1, NAN}, "a \"b\"");
  figure.scatter(array({{1.0, 2.0}, {3.0, 4.0}}), array({1, 0}));
  figure.save(folder / "f.csv");
  EXPECT_EQ(readBytes(folder / "f.csv"),
            "series,x,y\n\"a \"\"b\"\"\",0,0.10000000000000001\n"
            "\"a \"\"b\"\"\",1,nan\n\"class 0\",3,4\n\"class 1\",1,2\n");
}

TEST(Figure, DecisionBoundary) {
  TemporaryFolder folder;
  Variable points = array({{0.0, 0.0}, {1.0, 1.0}, {0.0, 1.0}, {1.0, 0.0}});
  // Two halves: x < 0.5 and the rest; called without a graph, in test mode.
  auto halves = [](const Variable &p) {
    EXPECT_FALSE(config().train);
    EXPECT_FALSE(config().enable_backprop);
    EXPECT_EQ(p.dtype(), f64);
    Variable left = 0.5 - p[{all, 0}];
    return stack({left, -left}, 1);
  };
  Figure({.width = 200, .height = 200})
      .scatter(points, array({0, 1, 0, 1}))
      .regions(halves)
      .save(folder / "f.png");
  int64_t first = count(folder / "f.png", 188, 215, 233),
          second = count(folder / "f.png", 255, 217, 183);
  EXPECT_GT(first, 5000);
  EXPECT_LT(std::abs(first - second), first / 4);
  // One score and a threshold.
  Figure({.width = 200, .height = 200})
      .scatter(points)
      .regions([](const Variable &p) { return p[{all, 1}]; }, 10)
      .save(folder / "g.png");
  EXPECT_EQ(count(folder / "g.png", 255, 217, 183), 0);
  EXPECT_GT(count(folder / "g.png", 188, 215, 233), 10000);
}

TEST(Figure, ATrainedModel) {
  TemporaryFolder folder;
  Spiral spiral;
  MLP model({10, 3});
  Figure({.title = "spiral"})
      .scatter(spiral.data(), spiral.label())
      .regions([&](const Variable &x) { return model(x); })
      .save(folder / "f.png");
  EXPECT_EQ(load_image(folder / "f.png").shape(), (Shape{3, 480, 640}));
}

TEST(Figure, OddNumbers) {
  TemporaryFolder folder;
  auto draws = [&](const std::vector<double> &y) {
    Figure().plot(y).save(folder / "f.png");
  };
  draws({});
  draws({5});
  draws({5, 5, 5});
  draws({NAN, INFINITY, -INFINITY});
  draws({1e308, -1e308});
  draws({1e-320, 2e-320});
  draws({1e15, 1e15 + 1});
  draws({1, NAN, 2});
}

TEST(Figure, RefusesWhatHasNoMeaning) {
  TemporaryFolder folder;
  EXPECT_THROW(Figure({.width = 1}), ValueError);
  Figure f;
  EXPECT_THROW(f.plot(zeros({2}), zeros({3})), ShapeError);
  EXPECT_THROW(f.plot(zeros({2, 2})), ShapeError);
  EXPECT_THROW(f.scatter(zeros({2, 3})), ShapeError);
  EXPECT_THROW(f.scatter(zeros({2, 2}), array({1})), ShapeError);
  EXPECT_THROW(f.scatter(zeros({1, 2}), array({-1})), ValueError);
  auto nothing = [](const Variable &x) { return x; };
  EXPECT_THROW(Figure().regions(nothing), ValueError);
  f.scatter(zeros({1, 2}));
  EXPECT_THROW(f.regions([](const Variable &) { return zeros({3}); }),
               ShapeError);
  EXPECT_THROW(f.save(folder / "f.pdf"), ValueError);
  EXPECT_THROW(f.save(folder / "no/f.png"), IOError);
  EXPECT_EQ(folder.count(), 0u);
}

} // namespace

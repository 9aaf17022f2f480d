//===- VariableTest.cpp - arrays, properties, state -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <functional>
#include <gmock/gmock.h>

using namespace etch;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

template <class F> static std::string message_of(F f) {
  try {
    f();
  } catch (const Error &e) {
    return e.what();
  }
  return "no error";
}

TEST(C001_Arrays, ScalarIsNotARowOfOne) {
  Variable scalar(1.0), row = array({1, 2, 3}), one = array({1.0});
  EXPECT_EQ(scalar.ndim(), 0);
  EXPECT_EQ(scalar.size(), 1);
  EXPECT_EQ(scalar.shape(), Shape{});
  EXPECT_EQ(row.ndim(), 1);
  EXPECT_EQ(row.size(), 3);
  EXPECT_EQ(one.shape(), Shape{1});
  EXPECT_NE(one.shape(), scalar.shape());
}

TEST(C003_Construction, NumbersAndNothing) {
  EXPECT_FALSE(Variable().defined());
  EXPECT_EQ(Variable(1.0).dtype(), f64);
  EXPECT_EQ(Variable(1).dtype(), i64);
  EXPECT_EQ(Variable(1.0f).dtype(), f32);
  EXPECT_EQ(Variable(true).dtype(), boolean);
}

TEST(C006_Names, DefaultAndGiven) {
  Variable x(1.0);
  EXPECT_EQ(x.name(), "");
  x.set_name("input_x");
  EXPECT_EQ(x.name(), "input_x");
  EXPECT_EQ(Variable(x).name(), "input_x"); // a copy is the same array
}

TEST(C007_Properties, OfAMatrix) {
  Variable x = array({{1, 2, 3}, {4, 5, 6}});
  EXPECT_EQ(x.shape(), (Shape{2, 3}));
  EXPECT_EQ(x.ndim(), 2);
  EXPECT_EQ(x.size(), 6);
  EXPECT_EQ(x.dtype(), i64);
  EXPECT_EQ(x.len(), 2);
  EXPECT_EQ(x.shape(-1), 3);
  EXPECT_EQ(array({{1, 2}, {3, 4}}, {.dtype = f32}).dtype(), f32);
}

TEST(Arrays, MixedNumbersAreFloats) {
  Variable x = array({1, 2.5, 3});
  EXPECT_EQ(x.dtype(), f64);
  EXPECT_THAT(x.to_vector<double>(), ElementsAre(1, 2.5, 3));
  EXPECT_EQ(array({true, false}).dtype(), boolean);
  EXPECT_EQ(array({1.0f, 2.0f}).dtype(), f32);
  EXPECT_EQ(array({{{1}, {2}}}).shape(), (Shape{1, 2, 1}));
}

TEST(Arrays, RaggedRowsAreRejected) {
  EXPECT_THROW(array({{1, 2}, {3}}), ShapeError);
}

TEST(Arrays, LargeIntegersAreExact) {
  int64_t big = (int64_t(1) << 62) + 1;
  EXPECT_EQ(array({big, int64_t(0)})[0].item<int64_t>(), big);
  EXPECT_EQ(Variable(big).item<int64_t>(), big);
}

TEST(Arrays, Constructors) {
  EXPECT_THAT(zeros({2}).to_vector(), ElementsAre(0, 0));
  EXPECT_THAT(ones({2}, {.dtype = i32}).to_vector<int32_t>(),
              ElementsAre(1, 1));
  EXPECT_EQ(full({2}, 7).dtype(), i64);
  EXPECT_THAT(full({2}, 7.0).to_vector(), ElementsAre(7, 7));
  EXPECT_THAT(eye(2).to_vector(), ElementsAre(1, 0, 0, 1));
  EXPECT_THAT(arange(0, 10, 4).to_vector<int64_t>(), ElementsAre(0, 4, 8));
  EXPECT_EQ(arange(3).dtype(), i64);
  EXPECT_THAT(arange(1.0, 0.0, -0.5).to_vector(), ElementsAre(1, 0.5));
  Variable line = linspace(-7, 7, 200);
  EXPECT_EQ(line.len(), 200);
  EXPECT_DOUBLE_EQ(line[1].item(), -7 + 14.0 / 199);
  EXPECT_EQ(line[199].item(), 7);
  Variable like = zeros_like(ones({2, 2}, {.dtype = f32}));
  EXPECT_EQ(like.type(), (TensorType{f32, {2, 2}}));
  EXPECT_EQ(ones_like(line, {.dtype = f32}).dtype(), f32);
  EXPECT_THROW(zeros({-1}), ShapeError);
  EXPECT_THROW(zeros({INT64_MAX, 3}), ShapeError);
  EXPECT_THROW(arange(0, 1, 0), ValueError);
}

TEST(Arrays, FromAndToMemory) {
  std::vector<float> data = {1, 2, 3, 4, 5, 6};
  Variable x = from_data(std::span<const float>(data), {2, 3});
  data[0] = 9;
  EXPECT_EQ((x[{0, 0}].item<float>()), 1);
  EXPECT_THROW(from_data(std::span<const float>(data), {4}), ShapeError);
  Variable alias = view(data.data(), {6}, f32);
  data[1] = 8;
  EXPECT_EQ(alias[1].item(), 8);
}

TEST(Arrays, ViewRunsItsDeleter) {
  static double memory[2] = {1, 2};
  int freed = 0;
  {
    Variable x = view(memory, {2}, f64, [&](void *data) {
      EXPECT_EQ(data, memory);
      ++freed;
    });
    Variable part = x[slice(1)];
    x = Variable();
    EXPECT_EQ(freed, 0);
  }
  EXPECT_EQ(freed, 1);
}

TEST(C062_Sizes, ThatNoIntegerCountsAreRejected) {
  int64_t large = int64_t(1) << 40;
  Variable one(1.0), v = array({1.0, 2.0, 3.0});
  Variable column = broadcast_to(one, {large, 1});
  Variable row = broadcast_to(one, {1, large}),
           long_one = broadcast_to(one, {PTRDIFF_MAX / 8});
  double memory = 1;
  for (std::function<void()> make : std::vector<std::function<void()>>{
           [&] { zeros({large, large}); },
           [&] { broadcast_to(one, {large, large}); }, [&] { column + row; },
           [&] { matmul(column, row); }, [&] { tile(v, {int64_t(1) << 61}); },
           [&] { repeat(v, int64_t(1) << 62); },
           [&] { concat({long_one, long_one}); },
           [&] { view(&memory, {large, large}, f64); },
           [&] { arange(0, 1e30); },
           [&] { linspace(0, 1, int64_t(1) << 61); }}) {
    std::string text = message_of(make);
    EXPECT_THAT(text, HasSubstr(" is too large  [VariableTest.cpp:"));
    EXPECT_THROW(make(), ShapeError);
  }
  EXPECT_THROW(view(&memory, {-1}, f64), ShapeError);
}

TEST(C062_Sizes, ThatMemoryCannotHoldAreNamed) {
  // More bytes than addresses.
  int64_t large = int64_t(1) << 45;
  Variable x = broadcast_to(Variable(1.0), {large});
  for (std::function<void()> make : std::vector<std::function<void()>>{
           [&] { zeros({large}); }, [&] { x + 1.0; }, [&] { exp(x); },
           [&] { arange(double(large)); }, [&] { random::rand({large}); },
           [&] { concat({x, x}); }}) {
    EXPECT_THAT(message_of(make),
                AllOf(HasSubstr("there is no memory for float64"),
                      HasSubstr("  [VariableTest.cpp:")));
    EXPECT_THROW(make(), RuntimeError);
  }
  EXPECT_THAT(message_of([] { random::rand({2, -1}); }),
              HasSubstr("rand: negative extent in (2, -1)  [VariableTest"));
}

TEST(C062_Sizes, OfMoreAxesThanThereCanBe) {
  Variable x = ones({1, 1, 1, 1, 1, 1, 1, 1}), y = ones({1, 1, 1, 1, 1});
  Variable places = zeros({1, 1}, {.dtype = i64});
  double memory = 1;
  Shape many(std::vector<int64_t>(1000, 1));
  Generator generator;
  for (std::function<void()> make : std::vector<std::function<void()>>{
           [&] { expand_dims(x, 0); }, [&] { stack({x, x}); },
           [&] { tile(x, {1, 1, 1, 1, 1, 1, 1, 1, 2}); },
           [&] { tensordot(y, y, 0); }, [&] { x[places]; },
           [&] { x[{new_axis, 0, new_axis}]; },
           [&] { zeros({1, 1, 1, 1, 1, 1, 1, 1, 1}); }, [&] { full(many, 2); },
           [&] { random::rand(many); }, [&] { generator.uniform(many); },
           [&] { from_data(std::vector<double>{1}, many); },
           [&] { view(&memory, many, f64); },
           [&] { x.reshape({1, 1, 1, 1, 1, 1, 1, 1, -1}); },
           [&] { x.reshape(1, 1, 1, 1, 1, 1, 1, 1, 1, 1); },
           [&] { broadcast_to(x, {2, 1, 1, 1, 1, 1, 1, 1, 1}); },
           [&] { sum_to(x, many); }}) {
    EXPECT_THAT(message_of(make),
                HasSubstr(" axes, arrays have at most 8  [VariableTest.cpp:"));
    EXPECT_THROW(make(), ShapeError);
  }
  EXPECT_THROW(array({{{{{{{{{1.0}}}}}}}}}), ShapeError);
}

TEST(HostReads, TypesAndErrors) {
  Variable x = array({1.5, 2.5});
  EXPECT_THAT(x.to_vector<int64_t>(), ElementsAre(1, 2));
  EXPECT_THROW(x.item(), ValueError);
  EXPECT_THROW(x.span<const float>(), DTypeError);
  EXPECT_THROW(Variable().item(), ValueError);
  x.span<double>()[0] = 4;
  EXPECT_EQ(x[0].item(), 4);
}

TEST(HostReads, WritingShowsInOneArrayOnly) {
  Variable x = array({1.0, 2.0}), row = x.reshape({1, 2}), same = x;
  x.span<double>()[0] = 5;
  EXPECT_EQ(same[0].item(), 5);
  EXPECT_EQ((row[{0, 0}].item()), 1);
}

TEST(HostReads, ViewsAreReadInOrder) {
  Variable x = array({{1, 2, 3}, {4, 5, 6}});
  EXPECT_THAT(x.T().to_vector<int64_t>(), ElementsAre(1, 4, 2, 5, 3, 6));
  Variable t = x.T();
  auto s = t.span<const int64_t>();
  EXPECT_THAT(std::vector<int64_t>(s.begin(), s.end()),
              ElementsAre(1, 4, 2, 5, 3, 6));
}

TEST(Truth, PresenceAndBooleans) {
  Variable x(0.0);
  EXPECT_TRUE(bool(x)); // there is an array
  EXPECT_FALSE(bool(x.grad()));
  EXPECT_FALSE(bool(Variable(false)));
  EXPECT_THROW((void)bool(array({true, false})), ValueError);
}

TEST(State, AssignKeepsTheNodeAndFreesEarlierResults) {
  Variable x = array({1.0, 2.0}), same = x, old = x.reshape({2, 1});
  x.assign(array({3.0, 4.0}));
  EXPECT_THAT(same.to_vector(), ElementsAre(3, 4));
  EXPECT_THAT(old.to_vector(), ElementsAre(1, 2));
  Variable y = array({5.0, 6.0});
  x.assign(y);
  y.span<double>()[0] = 0;
  EXPECT_THAT(x.to_vector(), ElementsAre(5, 6));
  EXPECT_THROW(x.assign(Variable()), ValueError);
}

TEST(C076_Parameters, AreAKindOfVariable) {
  Variable x = ones({2});
  Parameter p(x, "W");
  Variable handle = p;
  EXPECT_TRUE(is_parameter(p));
  EXPECT_TRUE(is_parameter(handle));
  EXPECT_FALSE(is_parameter(x));
  EXPECT_EQ(p.name(), "W");
  p.span<double>()[0] = 3; // it owns its contents
  EXPECT_EQ(x[0].item(), 1);
}

TEST(Empty, PropertiesAreErrors) {
  Variable x;
  EXPECT_THROW(x.shape(), ValueError);
  EXPECT_THROW(x.dtype(), ValueError);
  EXPECT_THROW(Variable(1.0).len(), ShapeError);
  EXPECT_EQ(x.name(), "");
}

TEST(Errors, NameTheUsersLine) {
  int line = 0;
  std::string text = message_of([&] {
    line = __LINE__ + 1;
    array({1.0, 2.0}).item();
  });
  EXPECT_THAT(text, HasSubstr("item: "));
  EXPECT_THAT(text,
              HasSubstr("[VariableTest.cpp:" + std::to_string(line) + "]"));
}

TEST(C153_Modes, RestoredInOrderAndAfterErrors) {
  EXPECT_TRUE(config().enable_backprop);
  try {
    NoGrad outer;
    {
      UsingConfig inner(&Config::enable_backprop, true);
      EXPECT_TRUE(config().enable_backprop);
    }
    EXPECT_FALSE(config().enable_backprop);
    TestMode test;
    EXPECT_FALSE(config().train);
    throw 1;
  } catch (int) {
  }
  EXPECT_TRUE(config().enable_backprop);
  EXPECT_TRUE(config().train);
}

//===- WeightsTest.cpp - Saving and loading -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "etch/models.h"
#include "etch/random.h"
#include "test/runtime/TemporaryFolder.h"

#include <csignal>
#include <gmock/gmock.h>
#include <sys/resource.h>

using namespace etch;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

struct Inner : Layer {
  Parameter p1{array({1.0, 2.0})};
  Inner(Layer &owner, std::string name) : Layer(owner, std::move(name)) {
    add_param("p1", p1);
  }
};
struct Outer : Layer {
  Parameter p1{full({}, 3.5)}, p2{array({{1, 2}, {3, 4}})};
  Inner l1{*this, "l1"};
  Outer() {
    add_param("p1", p1);
    add_param("p2", p2);
  }
};

TEST(Weights, C123_KeysAreFlattened) {
  TemporaryFolder folder;
  Outer().save_weights(folder / "w.npz");
  std::map<std::string, Variable> arrays = load_npz(folder / "w.npz");
  std::vector<std::string> keys;
  for (auto &[key, array] : arrays)
    keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("l1/p1", "p1", "p2"));
  EXPECT_EQ(arrays["p1"].shape(), Shape{});
  EXPECT_EQ(arrays["p1"].item(), 3.5);
  EXPECT_EQ(arrays["p2"].dtype(), i64);
  EXPECT_EQ(arrays["p2"].to_vector<int64_t>(),
            (std::vector<int64_t>{1, 2, 3, 4}));
}

TEST(Weights, C123_FileWrittenByNumPy) {
  std::map<std::string, Variable> arrays =
      load_npz(std::string(ETCH_TEST_DATA) + "/numpy_weights.npz");
  EXPECT_EQ(arrays.at("l1/p1").to_vector<float>(),
            (std::vector<float>{0.5f, -1.25f}));
  EXPECT_EQ(arrays.at("p1").dtype(), f64);
  EXPECT_EQ(arrays.at("p2").shape(), (Shape{2, 3}));
  EXPECT_EQ(arrays.at("p2").to_vector<int64_t>(),
            (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
}

TEST(Weights, C123_NpyAppendsItsSuffix) {
  TemporaryFolder folder;
  save_npy(folder / "test", array({1.0, 2.0, 3.0}));
  EXPECT_TRUE(std::filesystem::exists(folder / "test.npy"));
  EXPECT_EQ(load_npy(folder / "test").to_vector(),
            (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(load_npy(folder / "test.npy").size(), 3);
}

TEST(Weights, C123_ViewsAreSavedAsTheyLook) {
  TemporaryFolder folder;
  Variable x = array({{1.0, 2.0}, {3.0, 4.0}});
  save_npz(folder / "v.npz", {{"t", x.T()}, {"row", x[1]}});
  std::map<std::string, Variable> back = load_npz(folder / "v.npz");
  EXPECT_EQ(back["t"].to_vector(), (std::vector<double>{1, 3, 2, 4}));
  EXPECT_EQ(back["row"].to_vector(), (std::vector<double>{3, 4}));
}

TEST(Weights, C124_AFailureLeavesNothingBehind) {
  TemporaryFolder folder;
  struct Large : Layer {
    Parameter p{random::randn({1 << 16})};
    Large() { add_param("p", p); }
  } layer;
  // No file may grow beyond 100 kB now, as if the disk were full.
  signal(SIGXFSZ, SIG_IGN);
  rlimit old{}, tight{100000, RLIM_INFINITY};
  getrlimit(RLIMIT_FSIZE, &old);
  tight.rlim_max = old.rlim_max;
  setrlimit(RLIMIT_FSIZE, &tight);
  EXPECT_THROW(layer.save_weights(folder / "w.npz"), IOError);
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(folder.count(), 0u);
  layer.save_weights(folder / "w.npz");
  EXPECT_EQ(folder.count(), 1u);
  // An older file survives.
  std::string before = test::readBytes(folder / "w.npz");
  setrlimit(RLIMIT_FSIZE, &tight);
  EXPECT_THROW(layer.save_weights(folder / "w.npz"), IOError);
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(test::readBytes(folder / "w.npz"), before);
  EXPECT_THROW(layer.save_weights(folder / "no/such/folder.npz"), IOError);
}

TEST(Weights, C124_UnfinishedModelsAreNotSaved) {
  TemporaryFolder folder;
  MLP model({3, 2});
  EXPECT_THAT([&] { model.save_weights(folder / "w.npz"); },
              ThrowsMessage<ValueError>(HasSubstr("l0/W")));
  EXPECT_EQ(folder.count(), 0u);
}

TEST(Weights, C125_LoadedWeightsGiveEqualBits) {
  TemporaryFolder folder;
  Variable x = random::randn({5, 4});
  MLP trained({8, 3});
  std::vector<double> expected = trained(x).to_vector();
  trained.save_weights(folder / "w.npz");
  // A deferred model takes its sizes from the file; another one its contents.
  MLP deferred({8, 3}), other({8, 3});
  other(x);
  EXPECT_NE(other(x).to_vector(), expected);
  Variable W = other[0].W;
  deferred.load_weights(folder / "w.npz");
  other.load_weights(folder / "w.npz");
  EXPECT_EQ(deferred(x).to_vector(), expected);
  EXPECT_EQ(other(x).to_vector(), expected);
  EXPECT_TRUE(W.is(other[0].W)) << "the array stays, its contents change";
  EXPECT_TRUE(is_parameter(deferred[0].W));
  EXPECT_EQ(deferred[0].W.dtype(), f32);
  EXPECT_EQ(deferred[1].W.name(), "l1/W");
}

TEST(Weights, C125_SafetensorsAsWell) {
  TemporaryFolder folder;
  Variable x = random::randn({5, 4});
  MLP trained({8, 3}), other({8, 3});
  std::vector<double> expected = trained(x).to_vector();
  trained.save_weights(folder / "w.safetensors");
  EXPECT_EQ(test::readBytes(folder / "w.safetensors").substr(8, 1), "{");
  other.load_weights(folder / "w.safetensors");
  EXPECT_EQ(other(x).to_vector(), expected);
  std::map<std::string, Variable> arrays =
      load_safetensors(folder / "w.safetensors");
  EXPECT_EQ(arrays.at("l1/W").shape(), (Shape{8, 3}));
  EXPECT_EQ(arrays.at("l0/b").dtype(), f32);
  save_safetensors(folder / "v.safetensors", {{"t", arrays.at("l1/W").T()}});
  EXPECT_EQ(load_safetensors(folder / "v.safetensors").at("t").to_vector(),
            arrays.at("l1/W").T().to_vector());
  test::writeBytes(folder / "bad.safetensors", "\xff{}");
  EXPECT_THROW(other.load_weights(folder / "bad.safetensors"), IOError);
  EXPECT_THROW(load_safetensors(folder / "none.safetensors"), IOError);
  std::string many;
  for (int i = 0; i < 9; ++i)
    many += i ? ",1" : "1";
  std::string header = "{\"a\":{\"dtype\":\"BOOL\",\"shape\":[" + many +
                       "],\"data_offsets\":[0,1]}}";
  test::writeBytes(folder / "rank.safetensors",
                   std::string(1, char(header.size())) + std::string(7, 0) +
                       header + "x");
  EXPECT_THAT([&] { load_safetensors(folder / "rank.safetensors"); },
              ThrowsMessage<IOError>(HasSubstr("9 axes")));
  EXPECT_EQ(other(x).to_vector(), expected);
}

TEST(Weights, WrongFilesChangeNothing) {
  TemporaryFolder folder;
  MLP small({3, 2}), large({3, 4});
  Variable x = ones({1, 5});
  small(x), large(x);
  std::vector<double> before = small(x).to_vector();
  large.save_weights(folder / "large.npz");
  EXPECT_THAT([&] { small.load_weights(folder / "large.npz"); },
              ThrowsMessage<ShapeError>(testing::AllOf(HasSubstr("l1/W"),
                                                       HasSubstr("(3, 2)"),
                                                       HasSubstr("(3, 4)"))));
  save_npz(folder / "part.npz", {{"l0/W", small[0].W}});
  EXPECT_THAT([&] { small.load_weights(folder / "part.npz"); },
              ThrowsMessage<ValueError>(HasSubstr("l0/b, l1/W, l1/b")));
  EXPECT_THROW(small.load_weights(folder / "none.npz"), IOError);
  test::writeBytes(folder / "bad.npz",
                   test::readBytes(folder / "large.npz").substr(0, 200));
  EXPECT_THROW(small.load_weights(folder / "bad.npz"), IOError);
  test::writeBytes(folder / "text.npz", "not a zip file at all");
  EXPECT_THROW(small.load_weights(folder / "text.npz"), IOError);
  EXPECT_EQ(small(x).to_vector(), before);
}

} // namespace

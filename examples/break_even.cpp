//===- break_even.cpp - What compiling costs, and when it has paid --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Training steps of the book, eagerly and compiled: milliseconds of a call (the
// best of many), of compiling with nothing in any cache, and after how many
// calls the compiled program has made up for that.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
using namespace etch;

template <class F> double best(F &&call) { // of half a second's calls
  auto now = std::chrono::steady_clock::now;
  std::chrono::duration<double, std::milli> least(INFINITY);
  auto start = now(), end = start;
  for (int i = 0; i < 3 || end - start < std::chrono::milliseconds(500); ++i) {
    auto begin = now();
    call();
    least = std::min(least, decltype(least)((end = now()) - begin));
  }
  return least.count();
}
template <class R> struct Recurrent : Model { // a window of steps 59 and 60
  R rnn{*this, "rnn", 100};
  Linear fc{*this, "fc", 1};
  Variable forward(const Variable &x) override {
    rnn.reset_state();
    Variables ys;
    for (int64_t i = 0; i < x.len(); ++i)
      ys.push_back(fc(rnn(x[i])));
    return stack(ys);
  }
};
struct Images : Model { // step 57
  Conv2d conv{*this, "conv", 4, 3, {.pad = 1}};
  Linear fc{*this, "fc", 10};
  Variable forward(const Variable &x) override {
    return fc(flatten(pooling(relu(conv(x)), 2, {.stride = 2})));
  }
};
/// Trains an M in both ways from the same weights; t are labels or values.
template <class M, class... A>
bool row(const char *name, const Variable &x, const Variable &t, A... args) {
  auto make = [&] { // the step of a new model
    random::seed(0);
    auto model = std::make_shared<M>(args...);
    if (NoGrad scope; true)
      (*model)(x), (*model)(x); // sizes and weights
    auto optimizer = std::make_shared<Adam>();
    optimizer->setup(*model);
    return [=](const Variable &x, const Variable &t) {
      Variable y = (*model)(x);
      Variable loss = t.dtype() == i64 ? softmax_cross_entropy(y, t)
                                       : mean_squared_error(y, t);
      model->clear_grads();
      loss.backward();
      optimizer->update();
      return loss.data();
    };
  };
  auto eager = make();
  auto step = compile(make());
  bool same = step(x, t).item() == eager(x, t).item() &&
              step(x, t).item() == eager(x, t).item();
  double e = best([&] { eager(x, t); }), c = best([&] { step(x, t); });
  double cost = step.last_compile_ms(), calls = cost / (e - c);
  std::string pays = e > c ? std::to_string(int64_t(calls) + 1) : "never";
  std::printf("%-28s %9.3f %9.3f %6.2f %10.0f %11s   %s\n", name, e, c, e / c,
              cost, pays.c_str(), same ? "same bits" : "OTHER BITS");
  return same && c > 0 && std::isfinite(e) && cost > 0;
}

int main() {
  std::string cache = std::filesystem::temp_directory_path() / "etch-XXXXXX";
  setenv("XDG_CACHE_HOME", mkdtemp(cache.data()), 1); // empty
  std::printf("%-28s %9s %9s %6s %10s %11s\n", "step", "eager ms", "compiled",
              "ratio", "compiling", "pays after");
  auto draw = [](const Shape &s) { return random::rand(s).astype(f32).data(); };
  using Sizes = std::vector<int64_t>;
  Variable labels = from_data(std::vector<int64_t>(100, 3), {100});
  Variable x = draw({100, 1}), w = draw({30, 1, 1}), many = draw({30, 30, 1});
  bool good = row<MLP>("42 linear regression", x, x, Sizes{1});
  good &= row<MLP>("43 sine, 1-10-1", x, x, Sizes{10, 1});
  good &= row<MLP>("51 digits, 784-1000-1000-10", draw({100, 784}), labels,
                   Sizes{1000, 1000, 10}, relu);
  good &= row<Images>("57 convolution", draw({100, 1, 8, 8}), labels);
  VisionOptions small{.classes = 10, .width = 8, .hidden = 64, .dropout = 0};
  good &= row<VGG16>("58 VGG16, an eighth as wide", draw({4, 3, 32, 32}),
                     labels[slice(4)], small);
  good &= row<Recurrent<RNN>>("59 RNN, 30 steps", w, w);
  good &= row<Recurrent<LSTM>>("60 LSTM, 30 steps, batch 30", many, many);
  std::filesystem::remove_all(cache);
  return !good;
}

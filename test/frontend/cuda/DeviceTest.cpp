//===- DeviceTest.cpp - Arrays and programs on a graphics processor -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything here must hold on any device: the bits are those of the host.
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

#include <cmath>
#include <cstdio>
#include <dlfcn.h>
#include <fstream>
#include <functional>
#include <iterator>

using namespace etch;
using test::bits_of;
using testing::HasSubstr;

namespace {

struct OnDevice : test::DeviceTest {};

struct Training {
  Variables states; ///< weights and their gradients
  std::vector<double> losses;
};

/// Steps of a small network by a compiled step.
template <class O>
Training train(Device device, O optimizer, int steps, bool moved = true) {
  random::seed(0);
  MLP model({20, 5}, tanh);
  Variable x = random::randn({8, 6}).astype(f32),
           t = random::randn({8, 5}).astype(f32);
  model(x);
  if (moved)
    model.to(device);
  optimizer.setup(model);
  auto step = test::compiled_step(model, optimizer, {.device = device});
  Training result;
  for (int i = 0; i < steps; ++i)
    result.losses.push_back(step(x, t).item());
  for (const Variable &p : model.params()) {
    EXPECT_EQ(p.device(), device) << p.name();
    result.states.push_back(p);
    result.states.push_back(p.grad());
  }
  return result;
}

void expect_same(const Training &a, const Training &b) {
  EXPECT_EQ(a.losses, b.losses);
  ASSERT_EQ(a.states.size(), b.states.size());
  for (size_t i = 0; i < a.states.size(); ++i)
    EXPECT_EQ(bits_of(a.states[i]), bits_of(b.states[i])) << i;
}

TEST_F(OnDevice, ArraysGoThereAndBack) {
  Variable x = array({{1.5, 2, 3}, {4, 5, 6}}), y = x.to(cuda(0));
  EXPECT_EQ(x.device(), cpu());
  EXPECT_EQ(y.device(), cuda(0));
  EXPECT_EQ(to_string(y.device()), "cuda(0)");
  EXPECT_TRUE(y.to(cuda(0)).is(y));
  EXPECT_EQ(y.to_vector(), x.to_vector());
  EXPECT_EQ(y.to(cpu()).device(), cpu());
  EXPECT_EQ(y[1].to_vector(), (std::vector<double>{4, 5, 6}));
  EXPECT_EQ(y.T().to(cpu()).to_vector(), x.T().to_vector());
}

TEST_F(OnDevice, C147_ACompiledStepHasTheBitsOfTheHost) {
  expect_same(train(cpu(), SGD({.lr = 0.1}), 4),
              train(cuda(0), SGD({.lr = 0.1}), 4));
  expect_same(train(cpu(), Adam(), 4), train(cuda(0), Adam(), 4));
}

TEST_F(OnDevice, StatesMoveToTheirProgram) {
  expect_same(train(cpu(), SGD({.lr = 0.1}), 3),
              train(cuda(0), SGD({.lr = 0.1}), 3, /*moved=*/false));
}

/// Results of f on the host and on the device, compiled and not.
void same_everywhere(const std::function<Variables(const Variables &)> &f,
                     const Variables &xs) {
  Variables there, expected = f(xs);
  for (const Variable &x : xs)
    there.push_back(x.to(cuda(0)));
  auto compare = [&](const Variables &ys, const char *how, bool moved) {
    ASSERT_EQ(ys.size(), expected.size());
    for (size_t i = 0; i < ys.size(); ++i) {
      EXPECT_EQ(bits_of(ys[i]), bits_of(expected[i])) << how << " " << i;
      if (moved) {
        EXPECT_EQ(ys[i].device(), cuda(0)) << how << " " << i;
      }
    }
  };
  compare(compile(f)(xs), "compiled for the host", false);
  auto compiled = compile(f, {.device = cuda(0)});
  for (int i = 0; i < 3; ++i) // the second is recorded, the third a replay
    compare(compiled(there), "compiled for the device", true);
  compare(compiled(xs), "from arrays of the host", true);
  compare(f(there), "eager on the device", true);
}

Variable sines(const Shape &shape, DType dtype = f32) {
  Variable x = arange(0, shape.elements()).astype(dtype);
  Variable y = sin(x * 1.7).reshape(shape).detach();
  return y.set_requires_grad(true);
}

TEST_F(OnDevice, C147_Formulas) {
  same_everywhere(
      [](const Variables &v) {
        Variable z = tanh(v[0]) * exp(v[1]) / (1.5 + abs(v[0]));
        Variable w = where(v[0] > v[1], sigmoid(z), log(abs(z) + 0.1));
        return Variables{w.T() + v[0].T(), sqrt(abs(w))};
      },
      {sines({5, 7}), sines({7, 5}).T()});
}

TEST_F(OnDevice, C147_SumsAndProducts) {
  same_everywhere(
      [](const Variables &v) {
        Variable y = matmul(v[0], v[1].T());
        return Variables{y, sum(v[0]), sum(v[0], {.axis = {0}}),
                         softmax(y, {.axis = 1}), max(y, {.axis = {1}})};
      },
      {sines({3, 5000}), sines({4, 5000})});
}

TEST_F(OnDevice, C147_GradientsOfGradients) {
  same_everywhere(
      [](const Variables &v) {
        Variable x = v[0] * 1.0;
        Variable y = sum(tanh(x) * exp(x * 0.5));
        Variable g = grad(y, {x}, {.create_graph = true})[0];
        return Variables{g, grad(sum(g * g), {x})[0]};
      },
      {sines({6, 3}, f64)});
}

TEST_F(OnDevice, C147_Images) {
  same_everywhere(
      [](const Variables &v) {
        Variable x = v[0] * 1.0, w = v[1] * 1.0;
        Variable y =
            pooling(relu(conv2d(x, w, {}, {.pad = 1})), 2, {.stride = 2});
        Variables g = grad(sum(y * y), {x, w});
        return Variables{y, g[0], g[1]};
      },
      {sines({2, 3, 6, 6}), sines({4, 3, 3, 3})});
}

TEST_F(OnDevice, C147_IndicesAndParts) {
  same_everywhere(
      [](const Variables &v) {
        Variable x = v[0] * 1.0;
        Variable y = x[v[1]];
        Variable z =
            concat({x[{all, slice(0, 2)}], x[{all, slice(1, 4, 2)}]}, 1);
        return Variables{y, z, grad(sum(y * y), {x})[0],
                         softmax_cross_entropy(x, v[1])};
      },
      {sines({4, 5}), array({3, 0, 1, 1})});
}

TEST_F(OnDevice, WhatIsJoinedStaysThere) {
  auto f = [](const Variable &x, const Variable &y) {
    Variable turned = x.T();
    return Variables{
        concat({x, y, x}, 0),
        concat({x, x[{all, slice(0, 2)}]}, 1),
        concat({turned, turned[slice(1, 3)]}),
        stack({x, y}, 1),
        stack({x[0], y[1], x[2]}),
        pad(x, {{1, 2}, {0, 3}}),
        grad(sum(square(x[{slice(0, 4, 2), slice(4, 0, -3)}])), {x})[0],
        grad(sum(square(concat({x, y}, 1)[{all, slice(3, 8)}])), {x})[0]};
  };
  Variable x = sines({4, 5}).set_requires_grad(true),
           y = sines({4, 5}).set_requires_grad(true);
  Variables expected = f(x, y);
  Variable xd = x.to(cuda(0)).set_requires_grad(true),
           yd = y.to(cuda(0)).set_requires_grad(true);
  f(xd, yd); // its numbers are there from now on
  DeviceStatistics before = cuda::statistics();
  Variables found = f(xd, yd);
  DeviceStatistics after = cuda::statistics();
  EXPECT_EQ(after.copies_in, before.copies_in);
  EXPECT_EQ(after.copies_out, before.copies_out);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].device(), cuda(0)) << i;
    EXPECT_EQ(found[i].shape(), expected[i].shape()) << i;
    EXPECT_EQ(bits_of(found[i]), bits_of(expected[i])) << i;
  }
}

TEST_F(OnDevice, C147_LoopsAndBranches) {
  auto f = [](const Variables &v) {
    Variable x = v[0] * 1.0;
    Variables r =
        while_loop([](const Variables &s) { return sum(s[0]) < 100.0; },
                   [](const Variables &s) {
                     return Variables{s[0] * 2.0 + 0.25, s[1] + 1};
                   },
                   {abs(x), Variable(0)}, {.max_iterations = 20});
    Variable c =
        cond(sum(x) > 0.0, [&] { return x * 3.0; }, [&] { return x - 1.0; });
    auto [carry, ys] = scan(
        [](const Variables &s, const Variables &row) {
          Variable h = tanh(s[0] + row[0]);
          return std::pair(Variables{h}, Variables{h * 2.0});
        },
        {zeros({3}, {.dtype = f32})}, {x});
    return Variables{r[0],     r[1],  c,
                     carry[0], ys[0], grad(sum(ys[0]) + sum(c), {x})[0]};
  };
  Variables xs = {sines({4, 3})};
  Variables expected = f(xs), there = {xs[0].to(cuda(0))};
  auto compiled = compile(f, {.device = cuda(0)});
  for (int i = 0; i < 3; ++i) {
    Variables ys = compiled(there);
    for (size_t k = 0; k < ys.size(); ++k)
      EXPECT_EQ(bits_of(ys[k]), bits_of(expected[k])) << k;
  }
}

TEST_F(OnDevice, C147_EagerTraining) {
  auto train = [](Device device) {
    random::seed(1);
    MLP model({8, 3}, relu);
    Variable x = sines({4, 5}).to(device), t = array({0, 2, 1, 1}).to(device);
    model(x.to(cpu()));
    model.to(device);
    Adam optimizer;
    optimizer.setup(model);
    Training result;
    for (int i = 0; i < 3; ++i) {
      Variable loss = softmax_cross_entropy(model(x), t);
      model.clear_grads();
      loss.backward();
      optimizer.update();
      result.losses.push_back(loss.item());
    }
    for (const Variable &p : model.params()) {
      EXPECT_EQ(p.device(), device) << p.name();
      EXPECT_EQ(p.grad().device(), device) << p.name();
      result.states.push_back(p);
      result.states.push_back(p.grad());
    }
    return result;
  };
  expect_same(train(cpu()), train(cuda(0)));
}

TEST_F(OnDevice, BatchesOfAnySize) {
  auto f = [](const Variable &x) { return sum(tanh(x) * x, {.axis = {1}}); };
  auto there = compile(f, {.device = cuda(0)});
  for (int64_t n : {3, 8, 1, 300}) {
    Variable x = sines({n, 5});
    EXPECT_EQ(bits_of(there(x)), bits_of(f(x))) << n;
  }
  EXPECT_EQ(there.compile_count(), 1);
}

TEST_F(OnDevice, C126_WeightsAreSavedAsThoseOfTheHost) {
  auto file = [](const std::string &path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  random::seed(0);
  MLP model({4, 2}, tanh);
  Variable x = sines({2, 3});
  Variable y = model(x);
  std::string here = testing::TempDir() + "cpu.npz",
              there = testing::TempDir() + "cuda.npz";
  model.save_weights(here);
  model.to(cuda(0));
  model.save_weights(there);
  EXPECT_EQ(file(here), file(there));
  // And a model there reads them.
  MLP other({4, 2}, tanh);
  other(x);
  other.to(cuda(0));
  other.load_weights(here);
  for (const Variable &p : other.params())
    EXPECT_EQ(p.device(), cuda(0));
  EXPECT_EQ(bits_of(other(x.to(cuda(0)))), bits_of(y));
  std::remove(here.c_str());
  std::remove(there.c_str());
}

TEST_F(OnDevice, C145_TooLittleMemoryIsSaidBeforeALaunch) {
  Parameter w(ones({4}));
  auto grow = compile(
      [&](const Variable &x) {
        int64_t n = int64_t(cuda::statistics().free / 16);
        w.assign(w * 2.0);
        return broadcast_to(x * w, {n, 4});
      },
      {.device = cuda(0)});
  uint64_t launches = cuda::statistics().launches;
  try {
    grow(ones({4}).to(cuda(0)));
    FAIL() << "there was memory";
  } catch (const DeviceError &e) {
    EXPECT_THAT(e.what(), HasSubstr("the device has too little memory"));
    EXPECT_THAT(e.what(), HasSubstr("MiB are needed"));
    EXPECT_THAT(e.what(), HasSubstr("DeviceTest.cpp:"));
  }
  EXPECT_EQ(cuda::statistics().launches, launches);
  EXPECT_EQ(w.to_vector(), std::vector<double>(4, 1.0));
}

TEST_F(OnDevice, C149_CopiesOfAStepAreBatchAndLoss) {
  random::seed(0);
  MLP model({20, 5}, tanh);
  Variable x = sines({8, 6}).set_requires_grad(false),
           t = sines({8, 5}).set_requires_grad(false);
  model(x);
  model.to(cuda(0));
  MomentumSGD optimizer({.lr = 0.1});
  optimizer.setup(model);
  auto step = test::compiled_step(model, optimizer, {.device = cuda(0)});
  for (int i = 0; i < 8; ++i)
    step(x, t).item();
  DeviceStatistics before = cuda::statistics();
  constexpr uint64_t steps = 10;
  for (uint64_t i = 0; i < steps; ++i)
    step(x, t).item();
  DeviceStatistics after = cuda::statistics();
  EXPECT_EQ(after.copies_in - before.copies_in, 2 * steps);
  EXPECT_EQ(after.copies_out - before.copies_out, steps);
  EXPECT_EQ(after.bytes_in - before.bytes_in, steps * (8 * 6 + 8 * 5) * 4);
  EXPECT_EQ(after.bytes_out - before.bytes_out, steps * 4);
  EXPECT_EQ(after.launches, before.launches) << "a step is one graph";
  EXPECT_EQ(after.graph_launches - before.graph_launches, steps);
  EXPECT_THAT(step.report(), HasSubstr("cuda(0), " + after.name));
  // A batch that is there already is not copied.
  Variable xd = x.to(cuda(0)), td = t.to(cuda(0));
  before = cuda::statistics();
  step(xd, td);
  after = cuda::statistics();
  EXPECT_EQ(after.copies_in, before.copies_in);
  EXPECT_EQ(after.copies_out, before.copies_out);
}

TEST_F(OnDevice, BatchesAreMadeThereAheadOfTime) {
  Variable data = sines({12, 3}), labels = arange(0, 12);
  Dataset dataset(data, labels);
  for (int64_t prefetch : {0, 2}) {
    DataLoader loader(
        dataset, 5,
        {.shuffle = false, .prefetch = prefetch, .device = cuda(0)});
    uint64_t staged = cuda::statistics().staged_bytes;
    int64_t at = 0;
    for (auto &[x, t] : loader) {
      EXPECT_EQ(x.device(), cuda(0));
      EXPECT_EQ(t.device(), cuda(0));
      int64_t n = std::min<int64_t>(5, 12 - at);
      EXPECT_EQ(bits_of(x), bits_of(data[slice(at, at + n)]));
      EXPECT_EQ(bits_of(t), bits_of(labels[slice(at, at + n)]));
      at += n;
    }
    EXPECT_EQ(at, 12);
    EXPECT_GE(cuda::statistics().staged_bytes - staged, 12u * 3 * 4);
  }
}

TEST_F(OnDevice, BatchesAreCopiedWhileStepsRun) {
  // On a driver that does copies of other streams at once, and the work of the
  // device's own when somebody waits.
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  auto run_ahead =
      reinterpret_cast<void (*)(bool)>(dlsym(driver, "etch_fake_run_ahead"));
  auto calls =
      reinterpret_cast<int (*)(const char *)>(dlsym(driver, "etch_fake_calls"));
  // One that has sent nothing yet.
  Device there = cuda(cuda::device_count() > 1 ? 1 : 0);
  if (run_ahead)
    run_ahead(true);
  Variable data = sines({60, 7});
  Dataset dataset(data, {});
  Variable sum_of_all = zeros({4, 7}, {.dtype = data.dtype()}).to(there);
  auto step =
      compile([](const Variable &sums, const Variable &x) { return sums + x; },
              {.device = there});
  DataLoader loader(dataset, 4,
                    {.shuffle = false, .prefetch = 2, .device = there});
  int waits = 0, steps = 0;
  DeviceStatistics before = cuda::statistics(there.index);
  for (auto &[x, t] : loader) {
    sum_of_all = step(sum_of_all, x);
    if (++steps == 1 && calls) // what runs once has been loaded
      waits = calls("cuStreamSynchronize");
  }
  if (calls) {
    EXPECT_EQ(calls("cuStreamSynchronize"), waits) << "a batch was waited for";
  }
  DeviceStatistics after = cuda::statistics(there.index);
  EXPECT_EQ(after.copies_in - before.copies_in, 15u);
  EXPECT_EQ(after.bytes_in - before.bytes_in,
            60u * 7 * uint64_t(size_of(data.dtype())));
  EXPECT_EQ(after.copies_out, before.copies_out);
  std::vector<double> found = sum_of_all.to_vector<double>(),
                      all = data.to_vector<double>();
  for (size_t i = 0; i < found.size(); ++i) {
    double expected = 0;
    for (size_t batch = 0; batch < 15; ++batch)
      expected += all[batch * 28 + i];
    EXPECT_NEAR(found[i], expected, 1e-5);
  }
  if (run_ahead)
    run_ahead(false);
  // A failure of the copy is the loader's error, of its line.
  auto fail = reinterpret_cast<void (*)(const char *, int, int)>(
      dlsym(driver, "etch_fake_fail"));
  if (!fail)
    return;
  DataLoader again(dataset, 20, {.prefetch = 1, .device = there});
  fail("cuMemcpyHtoDAsync_v2", 700, 0);
  try {
    again.next();
    FAIL() << "no error";
  } catch (const DeviceError &e) {
    EXPECT_THAT(e.what(), HasSubstr("a copy to the device failed"));
    EXPECT_THAT(e.what(), HasSubstr("DeviceTest.cpp:"));
  }
  EXPECT_TRUE(again.next()) << "the batch is made again";
}

TEST_F(OnDevice, NumbersOfTheHostAreCopiedWhenTheyChange) {
  double a = 2;
  auto f = compile([&](const Variable &x) { return x * a + 1.0; },
                   {.device = cuda(0)});
  Variable x = ones({3}).to(cuda(0));
  f(x);
  uint64_t copies = cuda::statistics().copies_in;
  f(x);
  EXPECT_EQ(cuda::statistics().copies_in, copies);
  a = 5;
  EXPECT_EQ(f(x).to_vector(), std::vector<double>(3, 6.0));
  EXPECT_EQ(cuda::statistics().copies_in, copies + 1);
}

TEST_F(OnDevice, IndicesOutOfRangeAreErrorsOfTheirLine) {
  auto f = compile([](const Variable &x, const Variable &i) { return x[i]; },
                   {.device = cuda(0)});
  Variable x = sines({4, 2}).to(cuda(0)), bad = array({1, 7}).to(cuda(0));
  try {
    f(x, bad);
    FAIL();
  } catch (const ValueError &e) {
    EXPECT_THAT(e.what(), HasSubstr("index 7 is out of range for extent 4"));
    EXPECT_THAT(e.what(), HasSubstr("DeviceTest.cpp:"));
  }
  EXPECT_EQ(bits_of(f(x, array({3, 0}).to(cuda(0)))),
            bits_of(x[array({3, 0})]));
}

TEST_F(OnDevice, ProfilesSayWhatLaunchesTake) {
  auto f = compile(
      [](const Variable &x) {
        Variable y = matmul(tanh(x), x);
        return sum(exp(y), {.axis = {0}});
      },
      {.device = cuda(0), .profile = true});
  Variable x = sines({5, 5}).to(cuda(0));
  Variable first = f(x);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(bits_of(f(x)), bits_of(first));
  Profile p = f.profile();
  EXPECT_EQ(p.runs, 4);
  EXPECT_GT(p.seconds, 0);
  ASSERT_GE(p.launches.size(), 2u);
  double all = 0;
  for (const LaunchInfo &l : p.launches) {
    EXPECT_EQ(l.runs, 4) << l.number;
    EXPECT_GT(l.seconds, 0) << l.number;
    all += l.seconds;
  }
  EXPECT_NEAR(all, p.seconds, 1e-3 * p.seconds + 1e-6);
  EXPECT_EQ(p.last_run.size(), p.launches.size());
  EXPECT_THAT(p.text(), HasSubstr("tanh"));
  EXPECT_THAT(p.text(), HasSubstr("DeviceTest.cpp:"));
  EXPECT_THAT(p.trace(), HasSubstr("\"ph\":\"X\""));
  f.reset_profile();
  EXPECT_EQ(f.profile().runs, 0);
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  auto fail = reinterpret_cast<void (*)(const char *, int, int)>(
      dlsym(driver, "etch_fake_fail"));
  for (const char *name : {"cuEventRecord", "cuEventElapsedTime"}) {
    if (!fail)
      break;
    fail(name, 700, 0);
    try {
      f(x);
      FAIL() << name;
    } catch (const DeviceError &e) {
      EXPECT_THAT(e.what(), HasSubstr("a time cannot be "));
    }
  }
}

TEST_F(OnDevice, ChecksSayWhatTheHostsSay) {
  using F = std::function<Variable(const Variable &, const Variable &)>;
  auto message = [](const F &f, Device device, const Variable &x,
                    const Variable &y) -> std::string {
    auto g = compile(f, {.device = device, .check = Check::all});
    try {
      g(x, y);
    } catch (const ValueError &e) {
      return e.what();
    }
    return "";
  };
  Variable good = ones({3, 2}),
           bad = array({{1.0, 2.0}, {3.0, 0.0}, {0.0, 1.0}});
  const F fs[] = {
      [](const Variable &x, const Variable &y) { return sum((x + 1.0) / y); },
      [](const Variable &x, const Variable &y) {
        Variable far = (y - x) * 1e200;
        return matmul(far.T(), far);
      },
      [](const Variable &x, const Variable &y) {
        Variable z = y * 1.0;
        return grad(sum(sqrt(z) * x), {z})[0];
      },
      [](const Variable &x, const Variable &y) {
        return exp(sum(1e3 * (x - y), {.axis = {1}}));
      }};
  for (const F &f : fs) {
    EXPECT_EQ(message(f, cuda(0), good, good), "");
    std::string expected = message(f, cpu(), good, bad);
    EXPECT_THAT(expected, HasSubstr("DeviceTest.cpp:"));
    EXPECT_EQ(message(f, cuda(0), good, bad), expected);
  }
  // What comes in is not blamed; what would have been updated stays.
  EXPECT_EQ(message(fs[0], cuda(0), good * NAN, good), "");
}

TEST_F(OnDevice, WhatADeviceHasNotIsSaid) {
  Variable x = ones({2}).to(cuda(0));
  EXPECT_THROW(x.span<const double>(), DeviceError);
  EXPECT_THROW(cuda(63), DeviceError);
}

TEST_F(OnDevice, ArraysOfTwoDevicesAreAnError) {
  Variable a = ones({2, 2}).to(cuda(0)), b = ones({2, 2});
  try {
    a + b;
    FAIL();
  } catch (const DeviceError &e) {
    EXPECT_THAT(e.what(), HasSubstr("add: its operands are on different "
                                    "devices: cuda(0) and cpu"));
    EXPECT_THAT(e.what(), HasSubstr("DeviceTest.cpp:"));
  }
  // Numbers are everywhere.
  EXPECT_EQ((a * Variable(3.0)).to_vector(), std::vector<double>(4, 3.0));
  // A program for the host takes no array of a device.
  auto f = compile([&](const Variable &x) { return x * 2.0; });
  try {
    f(a);
    FAIL();
  } catch (const DeviceError &e) {
    EXPECT_THAT(e.what(), HasSubstr("is on cuda(0), the program runs on cpu"));
  }
}

} // namespace

//===- ThreadsTest.cpp - Hosts of several threads -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

#include <atomic>
#include <thread>

using namespace etch;
using test::bits_of;

namespace {

struct OnThreads : test::DeviceTest {};

using Bits = std::vector<std::vector<uint64_t>>;

/// Eager and compiled steps of y = x w towards t, of arrays of one's own.
Bits work(Device device, double start) {
  Variable
      w = full({6, 4}, start, {.dtype = f32}).to(device),
      x = (arange(0, 30, 1, {.dtype = f32}) * 0.01).reshape({5, 6}).to(device);
  w.set_requires_grad(true);
  auto loss = [&](const Variable &x) { return mean(tanh(matmul(x, w)) - 1); };
  auto step = [&](const Variable &x) {
    Variable l = loss(x);
    w.clear_grad();
    l.backward();
    return w.grad() * 0.5;
  };
  auto compiled = compile(step, {.device = device});
  Bits found;
  for (int i = 0; i < 5; ++i) {
    Variable change = i % 2 ? compiled(x) : step(x);
    w.assign((w - change).detach());
    found.push_back(bits_of(w));
  }
  return found;
}

TEST_F(OnThreads, WorkOnOneDevice) {
  constexpr int count = 4;
  std::vector<Bits> there(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] { there[i] = work(cuda(0), 0.1 * (i + 1)); });
  for (std::thread &t : threads)
    t.join();
  for (int i = 0; i < count; ++i)
    EXPECT_EQ(there[i], work(cpu(), 0.1 * (i + 1))) << i;
}

TEST_F(OnThreads, ShareAProgram) {
  auto f = compile([](const Variable &x) { return sum(tanh(x) * x); },
                   {.device = cuda(0)});
  Variable x = arange(0, 100, 1, {.dtype = f32}).to(cuda(0));
  auto expected = bits_of(f(x));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 20; ++k)
        wrong += bits_of(f(x)) != expected;
    });
  for (std::thread &t : threads)
    t.join();
  EXPECT_EQ(wrong, 0);
}

} // namespace

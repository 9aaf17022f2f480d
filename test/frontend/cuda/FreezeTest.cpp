//===- FreezeTest.cpp - what is kept between calls, on a device -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

using namespace etch;
using test::bits_of;

namespace {

struct Frozen : test::DeviceTest {};

TEST_F(Frozen, IsTheHostsAndNoticesNewContents) {
  random::seed(0);
  Linear first(7), second(3);
  BatchNorm norm;
  Variable x = random::randn({6, 5}).astype(f32);
  auto forward = [&](const Variable &x) {
    NoGrad no_grad;
    TestMode test;
    return second(relu(norm(first(x))));
  };
  forward(x);
  norm.avg_var.assign(norm.avg_var * 1.7);
  auto host = compile(forward);
  std::vector<uint64_t> y = bits_of(host(x));
  for (bool there : {false, true}) {
    if (there) // the parameters, too
      for (Layer *layer :
           std::initializer_list<Layer *>{&first, &norm, &second})
        layer->to(cuda(0));
    auto frozen = compile(forward, {.device = cuda(0), .freeze = true});
    // Launched one by one, recorded as a graph, and as that graph.
    for (int call = 0; call < 4; ++call)
      EXPECT_EQ(bits_of(frozen(x)), y) << there << call;
    EXPECT_GT(frozen.memory().prepared, 0u);
    norm.gamma.assign(norm.gamma * 2.0);
    std::vector<uint64_t> changed = bits_of(frozen(x));
    EXPECT_NE(changed, y);
    for (int call = 0; call < 3; ++call)
      EXPECT_EQ(bits_of(frozen(x)), changed);
    norm.gamma.assign(norm.gamma * 0.5);
    EXPECT_EQ(bits_of(frozen(x)), y);
  }
}

} // namespace

//===- Convolution.cpp - convolutions of common networks ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// conv2d and its two gradients, as compiled programs run on one thread by the
// module's own entry point: to be read beside the matrix products.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Client/Client.h"
#include "test/bench/Bench.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <etch/host.h>
#include <etch/runtime.h>

using namespace etch;
using namespace etch::bench;

namespace {
struct Sizes {
  int64_t n, c, size, oc, taps, stride, pad, groups;
  int64_t out() const { return (size + 2 * pad - taps) / stride + 1; }
};

using Extents = std::array<int64_t, 4>;

/// A loaded program of two operands, with its buffers.
struct Convolution {
  std::shared_ptr<const driver::LoadedModule> module;
  std::vector<float> data[3];
  std::vector<char> arena;
  Extents extents[3], strides[3];
  etch_tensor_t tensors[3];
  etch_call_t call = {};

  void run() {
    if (module->module().run(&call) != ETCH_OK)
      abort();
  }
};

std::string text(const Extents &e, const char *separator) {
  std::string s;
  for (size_t i = 0; i < e.size(); ++i)
    s += (i ? separator : "") + std::to_string(e[i]);
  return s;
}
std::string type(const Extents &e) {
  return "tensor<" + text(e, "x") + "xf32>";
}

std::shared_ptr<Convolution>
makeConvolution(const char *op, const Extents (&shapes)[3], const Sizes &s) {
  auto both = [](int64_t v) {
    std::string n = std::to_string(v);
    return "array<i64: " + n + ", " + n + ">";
  };
  std::string program = "func.func @main(%arg0: " + type(shapes[0]) +
                        ", %arg1: " + type(shapes[1]) + ") -> " +
                        type(shapes[2]) + " {\n  %y = \"etch." + op +
                        "\"(%arg0, %arg1) <{stride = " + both(s.stride) +
                        ", pad = " + both(s.pad) + ", dilation = " + both(1) +
                        ", groups = " + std::to_string(s.groups) +
                        " : i64, shape = array<i64: " + text(shapes[2], ", ") +
                        ">}> : (" + type(shapes[0]) + ", " + type(shapes[1]) +
                        ") -> " + type(shapes[2]) +
                        "\n  func.return %y : " + type(shapes[2]) + "\n}\n";
  driver::CompileResult compiled = driver::compile(program);
  if (!compiled) {
    fprintf(stderr, "%s: %s\n", op,
            compiled.diagnostics.front().message.c_str());
    return nullptr;
  }
  auto c = std::make_shared<Convolution>();
  c->module = compiled.module;
  for (int i = 0; i < 3; ++i) {
    c->extents[i] = shapes[i];
    int64_t stride = 1;
    for (size_t d = 4; d-- > 0; stride *= shapes[i][d])
      c->strides[i][d] = stride;
    c->data[i].assign(size_t(stride), 0.25f);
    c->tensors[i] = {c->data[i].data(), c->extents[i].data(),
                     c->strides[i].data(), ETCH_F32, 4};
  }
  c->call.args = c->tensors;
  c->call.results = c->tensors + 2;
  c->call.num_args = 2;
  c->call.num_results = 1;
  c->call.host = etch_serial_host();
  uint64_t bytes = c->module->module().arena_bytes(&c->call);
  c->arena.resize(bytes + 64);
  c->call.arena = (void *)((uintptr_t(c->arena.data()) + 63) & ~uintptr_t(63));
  c->call.arena_bytes = bytes;
  return c;
}
} // namespace

std::vector<Case> etch::bench::convolutionCases() {
  std::vector<Case> cases;
  auto add = [&](const Sizes &s) {
    Extents images = {s.n, s.c, s.size, s.size},
            filters = {s.oc, s.c / s.groups, s.taps, s.taps},
            outputs = {s.n, s.oc, s.out(), s.out()};
    struct {
      const char *op;
      Extents shapes[3];
    } const ops[] = {{"conv2d", {images, filters, outputs}},
                     {"conv2d_input_grad", {outputs, filters, images}},
                     {"conv2d_weight_grad", {images, outputs, filters}}};
    for (auto &[op, shapes] : ops) {
      auto convolution = makeConvolution(op, shapes, s);
      if (!convolution)
        continue;
      std::string k = std::to_string(s.taps);
      Case c = {std::string(op) + " " + text(images, "x") + " " +
                    std::to_string(s.oc) + "x" + k + "x" + k + " s" +
                    std::to_string(s.stride) +
                    (s.groups == 1 ? "" : " g" + std::to_string(s.groups)),
                "etch"};
      c.flops = 2.0 * double(s.n * s.oc * s.out() * s.out()) *
                double(s.c / s.groups * s.taps * s.taps);
      c.run = [convolution] { convolution->run(); };
      cases.push_back(std::move(c));
    }
  };
  add({32, 64, 56, 64, 3, 1, 1, 1});
  add({8, 256, 14, 256, 3, 1, 1, 1});
  add({8, 512, 7, 512, 3, 1, 1, 1});
  add({8, 256, 56, 64, 1, 1, 0, 1});
  add({8, 256, 56, 128, 1, 2, 0, 1});
  add({8, 128, 56, 128, 3, 2, 1, 1});
  add({8, 3, 224, 64, 7, 2, 3, 1});
  add({1, 3, 224, 64, 3, 1, 1, 1});
  add({8, 64, 56, 64, 3, 1, 1, 64});
  return cases;
}

//===- Convolution.cpp - convolutions of common networks ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// conv2d and its two gradients.
//===----------------------------------------------------------------------===//

#include "test/bench/Program.h"

using namespace etch::bench;

namespace {
struct Sizes {
  int64_t n, c, size, oc, taps, stride, pad, groups;
  int64_t out() const { return (size + 2 * pad - taps) / stride + 1; }
  std::string text() const;
};

using Extents = std::vector<int64_t>;

std::string text(const Extents &e, const char *separator) {
  std::string s;
  for (size_t i = 0; i < e.size(); ++i)
    s += (i ? separator : "") + std::to_string(e[i]);
  return s;
}

std::string Sizes::text() const {
  std::string k = std::to_string(taps);
  return ::text({n, c, size, size}, "x") + " " + std::to_string(oc) + "x" + k +
         "x" + k + " s" + std::to_string(stride) +
         (groups == 1 ? "" : " g" + std::to_string(groups));
}

std::string program(const std::string &op, const Extents &a, const Extents &b,
                    const Extents &result, const Sizes &s) {
  auto both = [](int64_t v) {
    std::string n = std::to_string(v);
    return "array<i64: " + n + ", " + n + ">";
  };
  std::string A = typeOf(a), B = typeOf(b), Y = typeOf(result);
  return "func.func @main(%arg0: " + A + ", %arg1: " + B + ") -> " + Y +
         " {\n  %y = \"etch." + op +
         "\"(%arg0, %arg1) <{stride = " + both(s.stride) +
         ", pad = " + both(s.pad) + ", dilation = " + both(1) +
         ", groups = " + std::to_string(s.groups) +
         " : i64, shape = array<i64: " + text(result, ", ") + ">}> : (" + A +
         ", " + B + ") -> " + Y + "\n  func.return %y : " + Y + "\n}\n";
}
} // namespace

void etch::bench::addConvolutions(std::vector<Workload> &workloads) {
  auto add = [&](const Sizes &s, const Sizes &neighbour = {}) {
    Extents images = {s.n, s.c, s.size, s.size},
            filters = {s.oc, s.c / s.groups, s.taps, s.taps},
            outputs = {s.n, s.oc, s.out(), s.out()};
    auto addOne = [&](const std::string &op, const Extents &a, const Extents &b,
                      const Extents &result) {
      Workload w;
      w.name = op + " " + s.text();
      if (neighbour.n)
        w.neighbour = op + " " + neighbour.text();
      w.op = op;
      w.options = "stride=" + std::to_string(s.stride) +
                  " pad=" + std::to_string(s.pad) +
                  " groups=" + std::to_string(s.groups) +
                  " result=" + text(result, "x");
      w.inputs = {{a}, {b}};
      w.flops = 2.0 * double(s.n * s.oc * s.out() * s.out()) *
                double(s.c / s.groups * s.taps * s.taps);
      w.systems = {{"etch", [=, inputs = w.inputs] {
                      return programRunner(program(op, a, b, result, s), inputs,
                                           result);
                    }}};
      // By fewer products (Winograd).
      if (s.taps == 3 && s.stride == 1 && op != "conv2d_weight_grad")
        w.systems.push_back({"etch fast", [=, inputs = w.inputs] {
                               return programRunner(
                                   program(op, a, b, result, s), inputs, result,
                                   1, Rounding::fast);
                             }});
      workloads.push_back(std::move(w));
    };
    addOne("conv2d", images, filters, outputs);
    addOne("conv2d_input_grad", outputs, filters, images);
    addOne("conv2d_weight_grad", images, outputs, filters);
  };
  add({32, 64, 56, 64, 3, 1, 1, 1});
  add({32, 256, 14, 256, 3, 1, 1, 1});
  add({8, 512, 7, 512, 3, 1, 1, 1});
  add({32, 128, 28, 128, 3, 2, 1, 1});
  add({8, 3, 224, 64, 7, 2, 3, 1});
  add({8, 256, 56, 64, 1, 1, 0, 1});
  add({8, 256, 56, 128, 1, 2, 0, 1});
  add({8, 64, 56, 64, 3, 1, 1, 64});
  add({8, 144, 28, 144, 5, 2, 2, 144});
  add({8, 128, 28, 128, 3, 1, 1, 32});
  add({8, 64, 28, 64, 5, 1, 2, 1});
  // Small images: the last ones of a network for CIFAR.
  add({32, 256, 8, 256, 3, 1, 1, 1});
  add({32, 512, 4, 512, 3, 1, 1, 1});
  // The MNIST CNN's at batch 64.
  add({64, 1, 28, 32, 3, 1, 1, 1});
  add({64, 32, 14, 64, 3, 1, 1, 1});
  // Odd neighbours.
  add({31, 67, 53, 61, 3, 1, 1, 1}, {32, 64, 56, 64, 3, 1, 1, 1});
  add({29, 251, 13, 257, 3, 1, 1, 1}, {32, 256, 14, 256, 3, 1, 1, 1});
  add({31, 127, 29, 131, 3, 2, 1, 1}, {32, 128, 28, 128, 3, 2, 1, 1});
  add({7, 251, 55, 67, 1, 1, 0, 1}, {8, 256, 56, 64, 1, 1, 0, 1});
  add({7, 61, 53, 61, 3, 1, 1, 61}, {8, 64, 56, 64, 3, 1, 1, 64});
}

//===- Matmul.cpp - the three matrix products that training needs ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Forward x·w (NN), its gradients gy·wᵀ (NT) and xᵀ·gy (TN), as compiled
// programs run on one thread by the module's own entry point.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Client/Client.h"
#include "test/bench/Bench.h"

#include <cstdio>
#include <cstdlib>
#include <memory>

#include <etch/host.h>
#include <etch/runtime.h>

using namespace etch;
using namespace etch::bench;

namespace {
/// A loaded program of two matrices, with its buffers.
struct Product {
  std::shared_ptr<const driver::LoadedModule> module;
  std::vector<float> a, b, c;
  std::vector<char> arena;
  int64_t extents[3][2], strides[3][2];
  etch_tensor_t args[2], result;
  etch_call_t call = {};

  void run() {
    if (module->module().run(&call) != ETCH_OK)
      abort();
  }
};

std::string type(int64_t rows, int64_t columns) {
  return "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) +
         "xf32>";
}

/// y = op(a)·op(b) of shape (m, n); `form` says which operand is transposed.
std::string program(const std::string &form, int64_t m, int64_t k, int64_t n) {
  bool ta = form[0] == 'T', tb = form[1] == 'T';
  std::string A = ta ? type(k, m) : type(m, k);
  std::string B = tb ? type(n, k) : type(k, n);
  std::string text = "func.func @main(%arg0: " + A + ", %arg1: " + B + ") -> " +
                     type(m, n) + " {\n";
  std::string x = "%arg0", w = "%arg1";
  auto transpose = [&](std::string &value, const std::string &name,
                       const std::string &from, const std::string &to) {
    text += "  " + name + " = \"etch.transpose\"(" + value +
            ") <{permutation = array<i64: 1, 0>}> : (" + from + ") -> " + to +
            "\n";
    value = name;
  };
  if (ta)
    transpose(x, "%t0", A, type(m, k));
  if (tb)
    transpose(w, "%t1", B, type(k, n));
  return text + "  %y = \"etch.matmul\"(" + x + ", " + w + ") : (" +
         type(m, k) + ", " + type(k, n) + ") -> " + type(m, n) +
         "\n  func.return %y : " + type(m, n) + "\n}\n";
}

std::shared_ptr<Product> makeProduct(const std::string &form, int64_t m,
                                     int64_t k, int64_t n) {
  auto p = std::make_shared<Product>();
  driver::CompileResult compiled = driver::compile(program(form, m, k, n));
  if (!compiled) {
    fprintf(stderr, "matmul %s: %s\n", form.c_str(),
            compiled.diagnostics.front().message.c_str());
    return nullptr;
  }
  p->module = compiled.module;
  p->a.assign(size_t(m * k), 0.5f);
  p->b.assign(size_t(k * n), 0.25f);
  p->c.assign(size_t(m * n), 0);
  bool ta = form[0] == 'T', tb = form[1] == 'T';
  int64_t shapes[3][2] = {
      {ta ? k : m, ta ? m : k}, {tb ? n : k, tb ? k : n}, {m, n}};
  void *data[3] = {p->a.data(), p->b.data(), p->c.data()};
  for (int i = 0; i < 3; ++i) {
    for (int d = 0; d < 2; ++d)
      p->extents[i][d] = shapes[i][d];
    p->strides[i][0] = shapes[i][1];
    p->strides[i][1] = 1;
    etch_tensor_t t = {data[i], p->extents[i], p->strides[i], ETCH_F32, 2};
    (i < 2 ? p->args[i] : p->result) = t;
  }
  p->call.args = p->args;
  p->call.results = &p->result;
  p->call.num_args = 2;
  p->call.num_results = 1;
  p->call.host = etch_serial_host();
  uint64_t bytes = p->module->module().arena_bytes(&p->call);
  p->arena.resize(bytes + 64);
  p->call.arena = (void *)((uintptr_t(p->arena.data()) + 63) & ~uintptr_t(63));
  p->call.arena_bytes = bytes;
  return p;
}
} // namespace

std::vector<Case> etch::bench::matmulCases() {
  std::vector<Case> cases;
  auto add = [&](const std::string &form, int64_t m, int64_t k, int64_t n) {
    std::shared_ptr<Product> product = makeProduct(form, m, k, n);
    if (!product)
      return;
    std::string shape = m == k && k == n
                            ? std::to_string(m)
                            : std::to_string(m) + "x" + std::to_string(k) +
                                  "x" + std::to_string(n);
    Case c = {"matmul " + form + " " + shape, "etch"};
    c.flops = 2.0 * double(m) * double(k) * double(n);
    c.run = [product] { product->run(); };
    cases.push_back(std::move(c));
  };
  for (int64_t n : {256, 512, 1024, 2048})
    for (const char *form : {"NN", "NT", "TN"})
      add(form, n, n, n);
  // The layers of the 784-1000-1000-10 net at batch 100, and their gradients.
  add("NN", 100, 784, 1000);
  add("TN", 784, 100, 1000);
  add("NN", 100, 1000, 1000);
  add("NT", 100, 1000, 1000);
  add("TN", 1000, 100, 1000);
  add("NN", 100, 1000, 10);
  add("NT", 100, 10, 1000);
  add("TN", 1000, 100, 10);
  return cases;
}

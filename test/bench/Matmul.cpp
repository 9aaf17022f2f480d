//===- Matmul.cpp - the three matrix products that training needs ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Forward x·w (NN), its gradients gy·wᵀ (NT) and xᵀ·gy (TN). With operands
// rounded to bfloat16, too: rivals have them rounded, and weights packed,
// before; we round x in every run, and keep w packed (a frozen state), or, as
// "etch packing", round and pack both.
//===----------------------------------------------------------------------===//

#include "test/bench/Program.h"

using namespace etch::bench;

/// y = op(a)·op(b) of shape (m, n); `form` says which operand is transposed.
static std::string program(const std::string &form, const Input &a,
                           const Input &b, int64_t m, int64_t k, int64_t n,
                           bool state = false) {
  std::string A = typeOf(a.shape), B = typeOf(b.shape), Y = typeOf({m, n});
  std::string text = "func.func @main(%arg0: " + A + ", %arg1: " + B +
                     (state ? " {etch.state}" : "") + ") -> " + Y + " {\n";
  std::string x = "%arg0", w = "%arg1";
  auto transpose = [&](std::string &value, const std::string &name,
                       const std::string &from, const std::string &to) {
    text += "  " + name + " = \"etch.transpose\"(" + value +
            ") <{permutation = array<i64: 1, 0>}> : (" + from + ") -> " + to +
            "\n";
    value = name;
  };
  if (form[0] == 'T')
    transpose(x, "%t0", A, typeOf({m, k}));
  if (form[1] == 'T')
    transpose(w, "%t1", B, typeOf({k, n}));
  return text + "  %y = \"etch.matmul\"(" + x + ", " + w + ") : (" +
         typeOf({m, k}) + ", " + typeOf({k, n}) + ") -> " + Y +
         "\n  func.return %y : " + Y + "\n}\n";
}

void etch::bench::addMatmuls(std::vector<Workload> &workloads) {
  struct Product {
    int64_t m, k, n;
    std::string text() const {
      std::string first = std::to_string(m);
      return m == k && k == n
                 ? first
                 : first + "x" + std::to_string(k) + "x" + std::to_string(n);
    }
  };
  auto add = [&](const std::string &form, int64_t m, int64_t k, int64_t n,
                 bool bf16 = false, Product neighbour = {}) {
    Workload w;
    auto number = [](int64_t i) { return std::to_string(i); };
    std::string kind = (bf16 ? "matmul bf16 " : "matmul ") + form + " ";
    w.name = kind + Product{m, k, n}.text();
    if (neighbour.m)
      w.neighbour = kind + neighbour.text();
    w.op = "matmul";
    w.options = "form=" + form + " m=" + number(m) + " k=" + number(k) +
                " n=" + number(n) + (bf16 ? " type=bf16" : "");
    w.inputs = {{{m, k}}, {{k, n}}};
    for (size_t i = 0; i < 2; ++i)
      if (form[i] == 'T')
        std::swap(w.inputs[i].shape[0], w.inputs[i].shape[1]);
    w.flops = 2.0 * double(m) * double(k) * double(n);
    w.results = double(m) * double(n);
    w.tiles = bf16;
    Rounding rounding = bf16 ? Rounding::bf16 : Rounding::strict;
    auto system = [=, inputs = w.inputs](int threads, bool keeps) {
      return [=] {
        return programRunner(
            program(form, inputs[0], inputs[1], m, k, n, keeps), inputs, {m, n},
            threads, rounding, keeps);
      };
    };
    w.systems = {{"etch", system(1, bf16)},
                 {"etch 2 threads", system(2, bf16), 2},
                 {"etch 2 busy", system(2, bf16), 2, true}};
    if (bf16)
      w.systems.push_back({"etch packing", system(1, false)});
    workloads.push_back(std::move(w));
  };
  auto all = [&](int64_t m, int64_t k, int64_t n, Product p = {}) {
    add("NN", m, k, n, false, p);
    add("NT", m, n, k, false, {p.m, p.n, p.k}); // the gradients of x…
    add("TN", k, m, n, false, {p.k, p.m, p.n}); // …and of w
  };
  for (int64_t n : {64, 128, 256, 512, 1024, 2048})
    for (const char *form : {"NN", "NT", "TN"})
      add(form, n, n, n);
  // The layers of the 784-1000-1000-10 net at batch 100.
  all(100, 784, 1000);
  all(100, 1000, 1000);
  all(100, 1000, 10);
  all(32, 4096, 4096);
  all(1, 1000, 1000);
  all(4096, 64, 64);
  // Odd neighbours: prime extents, tails, few rows.
  for (auto [n, p] : {std::pair<int64_t, int64_t>(48, 64),
                      {67, 64},
                      {80, 64},
                      {257, 256},
                      {509, 512},
                      {1021, 1024}})
    add("NN", n, n, n, false, {p, p, p});
  for (const char *form : {"NT", "TN"})
    add(form, 509, 509, 509, false, {512, 512, 512});
  all(97, 787, 997, {100, 784, 1000});
  all(4, 1000, 1000);
  all(3, 1000, 1000, {4, 1000, 1000});
  all(12, 1000, 1000);
  all(13, 1009, 991, {12, 1000, 1000});
  all(4093, 61, 67, {4096, 64, 64});
  for (int64_t n : {256, 512, 1024, 2048})
    for (const char *form : {"NN", "NT", "TN"})
      add(form, n, n, n, true);
  add("NN", 32, 4096, 4096, true);
  add("NN", 100, 1000, 1000, true);
  add("NN", 509, 509, 509, true, {512, 512, 512});
}

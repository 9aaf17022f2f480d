//===- Native.cpp - Libraries of matrix products, as rivals ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Debian's OpenBLAS and oneDNN, loaded from where setup.sh has put them, in a
// process that answers as Rivals.h says.
//===----------------------------------------------------------------------===//

#include "test/bench/Rivals.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>

#include <dlfcn.h>

using namespace etch::bench;

namespace {
/// c (m, n) = a (m, k) b (k, n), either transposed in memory.
using Product =
    std::function<void(bool ta, bool tb, int64_t m, int64_t n, int64_t k,
                       const float *a, const float *b, float *c)>;

void *symbol(const std::string &folder, std::vector<std::string> libraries,
             const char *name) {
  void *handle = nullptr;
  for (const std::string &library : libraries) {
    std::string path = folder + "/debian/usr/lib/x86_64-linux-gnu/" + library;
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!handle)
      handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  }
  return handle ? dlsym(handle, name) : nullptr;
}

Product findProduct(const std::string &library, const std::string &folder) {
  setenv("OMP_NUM_THREADS", "1", 1);
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  if (library == "openblas") {
    // By itself it takes kernels for Haswell on processors that it knows not.
    if (__builtin_cpu_supports("avx512f"))
      setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    using Gemm = void (*)(int order, int ta, int tb, int m, int n, int k,
                          float alpha, const float *a, int lda, const float *b,
                          int ldb, float beta, float *c, int ldc);
    auto gemm =
        reinterpret_cast<Gemm>(symbol(folder,
                                      {"libquadmath.so.0", "libgfortran.so.5",
                                       "openblas-pthread/libopenblas.so.0"},
                                      "cblas_sgemm"));
    if (!gemm)
      return nullptr;
    return [gemm](bool ta, bool tb, int64_t m, int64_t n, int64_t k,
                  const float *a, const float *b, float *c) {
      gemm(101, ta ? 112 : 111, tb ? 112 : 111, int(m), int(n), int(k), 1, a,
           int(ta ? m : k), b, int(tb ? k : n), 0, c, int(n));
    };
  }
  using Gemm = int (*)(char ta, char tb, int64_t m, int64_t n, int64_t k,
                       float alpha, const float *a, int64_t lda, const float *b,
                       int64_t ldb, float beta, float *c, int64_t ldc);
  auto gemm = reinterpret_cast<Gemm>(
      symbol(folder, {"libOpenCL.so.1", "libtbb.so.12", "libdnnl.so.2"},
             "dnnl_sgemm"));
  if (!gemm)
    return nullptr;
  return [gemm](bool ta, bool tb, int64_t m, int64_t n, int64_t k,
                const float *a, const float *b, float *c) {
    gemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, 1, a, ta ? m : k, b,
         tb ? k : n, 0, c, n);
  };
}
} // namespace

int etch::bench::serve(const std::string &library, const std::string &folder) {
  Product product = findProduct(library, folder);
  std::vector<float> a, b, c;
  std::function<void()> run;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word, op, answer;
    words >> word;
    if (word == "time") {
      long count = 1;
      words >> count;
      double start = processorNow();
      for (long i = 0; i < count; ++i)
        run();
      printf("%.9g\n", processorNow() - start);
      fflush(stdout);
      continue;
    }
    words >> op >> word;
    std::map<std::string, std::string> options;
    while (words >> word)
      options[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    if (op != "matmul" || options["form"].empty()) {
      answer = "missing no such operation";
    } else if (!product) {
      answer = "missing the library is not installed";
    } else {
      auto extent = [&](const char *name) {
        return int64_t(std::stoll(options[name]));
      };
      int64_t m = extent("m"), n = extent("n"), k = extent("k");
      bool ta = options["form"][0] == 'T', tb = options["form"][1] == 'T';
      a.resize(size_t(m * k));
      b.resize(size_t(k * n));
      c.assign(size_t(m * n), 0);
      fillInput(a.data(), m * k, 1, 0);
      fillInput(b.data(), k * n, 1, 1);
      run = [=, &product, &a, &b, &c] {
        product(ta, tb, m, n, k, a.data(), b.data(), c.data());
      };
      run();
      answer = "ok";
      for (double number : sample(c.data(), m * n)) {
        char text[32];
        snprintf(text, sizeof text, " %.9g", number);
        answer += text;
      }
    }
    puts(answer.c_str());
    fflush(stdout);
  }
  return 0;
}

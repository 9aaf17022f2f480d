//===- Native.cpp - Libraries of matrix products, as rivals ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Debian's OpenBLAS and oneDNN, loaded from where setup.sh has put them, in a
// process that answers as Rivals.h says.
//===----------------------------------------------------------------------===//

#include "test/bench/Rivals.h"

#include <bit>
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

namespace {
/// oneDNN's product of bfloat16 with sums of f32: weights in the form that it
/// likes best, made beforehand. Version 2 of its interface: descriptions are
/// structs, here of any content.
class RoundedProduct {
public:
  explicit RoundedProduct(const std::string &folder) : folder(folder) {}

  /// A run, or none.
  std::function<void()> prepare(bool ta, bool tb, int64_t m, int64_t n,
                                int64_t k, const float *x, const float *w,
                                float *y) {
    using Handle = void *;
    constexpr int bf16 = 2, f32 = 3, any = 1, ab = 3, ba = 22, cpu = 1;
    constexpr int weightsQuery = 131, from = 1, dst = 17, weights = 33;
    struct alignas(64) Description {
      char bytes[4096];
    };
    struct Argument {
      int number;
      Handle memory;
    };
    setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_AMX", 0);
    auto call = [&](const char *name, auto... arguments) {
      auto f = reinterpret_cast<int (*)(decltype(arguments)...)>(find(name));
      return f && f(arguments...) == 0;
    };
    rounded(x, m * k, left);
    rounded(w, k * n, right);
    Description mx, mw, packed, my, product;
    const int64_t dx[] = {m, k}, dw[] = {k, n}, dy[] = {m, n};
    Handle engine{}, stream{}, description{}, reorder{}, run{};
    Handle reorderDescription{}, inX{}, inW{}, inPacked{}, outY{};
    auto of = [&](Description &d, const int64_t *extents, int type, int tag) {
      return call("dnnl_memory_desc_init_by_tag", &d, 2, extents, type, tag);
    };
    bool good = call("dnnl_engine_create", &engine, cpu, size_t(0)) &&
                call("dnnl_stream_create", &stream, engine, 1u) &&
                of(mx, dx, bf16, ta ? ba : ab) &&
                of(mw, dw, bf16, tb ? ba : ab) && of(packed, dw, bf16, any) &&
                of(my, dy, f32, ab) &&
                call("dnnl_matmul_desc_init", &product, &mx, &packed,
                     (const void *)nullptr, &my) &&
                call("dnnl_primitive_desc_create", &description, &product,
                     (const void *)nullptr, engine, (const void *)nullptr);
    auto query = reinterpret_cast<const void *(*)(Handle, int, int)>(
        find("dnnl_primitive_desc_query_md"));
    if (!good || !query)
      return nullptr;
    const void *best = query(description, weightsQuery, 0);
    good =
        call("dnnl_memory_create", &inX, &mx, engine, (void *)left.data()) &&
        call("dnnl_memory_create", &inW, &mw, engine, (void *)right.data()) &&
        call("dnnl_memory_create", &inPacked, best, engine, (void *)-1) &&
        call("dnnl_memory_create", &outY, &my, engine, (void *)y) &&
        call("dnnl_reorder_primitive_desc_create", &reorderDescription, &mw,
             engine, best, engine, (const void *)nullptr) &&
        call("dnnl_primitive_create", &reorder, reorderDescription) &&
        call("dnnl_primitive_create", &run, description);
    const Argument reordered[] = {{from, inW}, {dst, inPacked}};
    if (!good || !call("dnnl_primitive_execute", reorder, stream, 2, reordered))
      return nullptr;
    auto execute =
        reinterpret_cast<int (*)(Handle, Handle, int, const Argument *)>(
            find("dnnl_primitive_execute"));
    auto wait = reinterpret_cast<int (*)(Handle)>(find("dnnl_stream_wait"));
    return [=] {
      const Argument arguments[] = {
          {from, inX}, {weights, inPacked}, {dst, outY}};
      execute(run, stream, 3, arguments);
      wait(stream);
    };
  }

private:
  void *find(const char *name) {
    return symbol(folder, {"libOpenCL.so.1", "libtbb.so.12", "libdnnl.so.2"},
                  name);
  }
  static void rounded(const float *from, int64_t size,
                      std::vector<uint16_t> &to) {
    to.resize(size_t(size));
    for (int64_t i = 0; i < size; ++i) {
      uint32_t bits = std::bit_cast<uint32_t>(from[i]);
      to[size_t(i)] = uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
  }

  std::string folder;
  std::vector<uint16_t> left, right;
};
} // namespace

int etch::bench::serve(const std::string &library, const std::string &folder) {
  Product product = findProduct(library, folder);
  RoundedProduct roundedProduct(folder);
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
    bool bf16 = options["type"] == "bf16";
    if (op != "matmul" || options["form"].empty() ||
        (bf16 && library != "onednn")) {
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
      if (bf16)
        run = roundedProduct.prepare(ta, tb, m, n, k, a.data(), b.data(),
                                     c.data());
      if (!run) {
        puts("missing the library has no such product");
        fflush(stdout);
        continue;
      }
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

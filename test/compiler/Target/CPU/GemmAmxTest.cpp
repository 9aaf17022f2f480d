//===- GemmAmxTest.cpp - Products of operands rounded to bfloat16 ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CPU/Program.h"

#include <bit>
#include <cmath>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace etch::test;

namespace {

struct Sizes {
  int64_t m, k, n;
};
const Sizes all[] = {{64, 64, 64},  {100, 784, 10}, {33, 17, 50},
                     {5, 3, 2},     {16, 32, 16},   {31, 2100, 48},
                     {3, 0, 4},     {520, 70, 530}, {32, 1100, 70},
                     {97, 520, 33}, {0, 3, 4},      {2, 1025, 600}};

/// y = relu(x w + b), each form of x and w; w may be a state.
std::string text(const Sizes &s, bool left, bool right, bool dynamic,
                 bool epilogue, bool state = false) {
  auto type = [&](Extents e) { return typeText<float>(e, dynamic); };
  std::string x = type({s.m, s.k}), w = type({s.k, s.n}), y = type({s.m, s.n});
  std::string xt = type({s.k, s.m}), wt = type({s.n, s.k}), b = type({s.n});
  std::string all =
      "func.func @main(%x: " + (left ? xt : x) + ", %w: " + (right ? wt : w) +
      (state ? " {etch.state}" : "") + ", %b: " + b + ") -> " + y + " {\n";
  auto transpose = [&](std::string from, std::string of, std::string to) {
    all += "  " + from + "t = etch.transpose " + from +
           " {permutation = array<i64: 1, 0>} : (" + of + ") -> " + to + "\n";
  };
  if (left)
    transpose("%x", xt, x);
  if (right)
    transpose("%w", wt, w);
  all += std::string("  %y = etch.matmul ") + (left ? "%xt" : "%x") + ", " +
         (right ? "%wt" : "%w") + " : (" + x + ", " + w + ") -> " + y + "\n";
  if (!epilogue)
    return all + "  return %y : " + y + "\n}\n";
  return all + "  %c = etch.broadcast_to %b {shape = array<i64: " +
         std::to_string(s.m) + ", " + std::to_string(s.n) + ">} : (" + b +
         ") -> " + y + "\n  %d = etch.add %y, %c : (" + y + ", " + y + ") -> " +
         y + "\n  %r = etch.relu %d : (" + y + ") -> " + y +
         "\n  return %r : " + y + "\n}\n";
}

etch::driver::CompileOptions rounding(const char *mcpu = "native") {
  etch::driver::CompileOptions options;
  options.mode = etch::driver::Mode::fast;
  options.precision = etch::driver::Precision::bf16;
  options.mcpu = mcpu;
  return options;
}

float rounded(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
}

/// Within the error of sums of f32 in any order. Sums of small integers are
/// exact.
bool check(Program &compiled, const Sizes &s, bool left, bool right,
           bool epilogue, bool integers, const etch_host_t *host) {
  auto x = randomArray<float>(left ? Extents{s.k, s.m} : Extents{s.m, s.k}, 1);
  auto w = randomArray<float>(right ? Extents{s.n, s.k} : Extents{s.k, s.n}, 2);
  auto b = randomArray<float>({s.n}, 3);
  if (integers)
    for (Array<float> *array : {&x, &w, &b})
      for (float &v : array->data)
        v = std::round(4 * v);
  Array<float> y({s.m, s.n}, 77.0f);
  if (compiled.in(x).in(w).in(b).out(y).run(host) != ETCH_OK)
    return false;
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) {
      double sum = 0, magnitude = 0;
      for (int64_t k = 0; k < s.k; ++k) {
        double product =
            double(rounded(left ? x[k * s.m + i] : x[i * s.k + k])) *
            rounded(right ? w[j * s.k + k] : w[k * s.n + j]);
        sum += product;
        magnitude += std::abs(product);
      }
      if (epilogue)
        sum = std::max(sum + b[j], 0.0);
      double allowed =
          integers ? 0 : std::ldexp((magnitude + 4) * double(s.k + 2), -24);
      if (!(std::abs(sum - y[i * s.n + j]) <= allowed)) {
        ADD_FAILURE() << s.m << "x" << s.k << "x" << s.n << " " << left << right
                      << " at " << i << ", " << j << ": " << y[i * s.n + j]
                      << " instead of " << sum;
        return false;
      }
    }
  return true;
}

TEST(Bf16, StaticShapes) {
  int turn = 0;
  for (const Sizes &s : all)
    for (int form = 0; form < 4; ++form, ++turn) {
      bool epilogue = turn % 3 == 0;
      Program compiled(text(s, form & 1, form & 2, false, epilogue),
                       rounding());
      ASSERT_TRUE(compiled);
      EXPECT_TRUE(check(compiled, s, form & 1, form & 2, epilogue, turn % 2,
                        turn % 5 ? backwardsHost() : nullptr));
    }
}

TEST(Bf16, OneKernelForAllExtents) {
  for (int form = 0; form < 4; ++form) {
    Program compiled(text({}, form & 1, form & 2, true, false), rounding());
    ASSERT_TRUE(compiled);
    for (const Sizes &s : all)
      EXPECT_TRUE(check(compiled, s, form & 1, form & 2, false, form % 2,
                        backwardsHost()));
  }
}

/// Columns of a state are packed by the first run, for all others, where there
/// are registers for tiles (prepack-amx.mlir).
TEST(Bf16, StatesArePackedOnce) {
  auto options = rounding();
  options.freeze = true;
  int turn = 0;
  for (const Sizes &s : {Sizes{33, 17, 50},
                         {97, 520, 33},
                         {31, 2100, 48},
                         {520, 70, 530},
                         {2, 1025, 2600}})
    for (int form = 0; form < 4; ++form, ++turn) {
      bool epilogue = turn % 3 == 0;
      Program compiled(text(s, form & 1, form & 2, false, epilogue, true),
                       options);
      ASSERT_TRUE(compiled);
      for (const etch_host_t *host : {(const etch_host_t *)0, backwardsHost()})
        EXPECT_TRUE(
            check(compiled, s, form & 1, form & 2, epilogue, turn % 2, host));
    }
}

TEST(Bf16, OtherProcessors) {
  const Sizes s = {33, 300, 70};
  for (const char *mcpu : {"x86-64-v2", "x86-64-v3"})
    for (int form = 0; form < 4; ++form) {
      Program compiled(text(s, form & 1, form & 2, form == 3, false),
                       rounding(mcpu));
      ASSERT_TRUE(compiled);
      EXPECT_TRUE(
          check(compiled, s, form & 1, form & 2, false, false, nullptr));
    }
}

TEST(Bf16, Batches) {
  Program compiled(R"(
func.func @main(%x: tensor<3x20x300xf32>, %w: tensor<3x40x300xf32>) -> tensor<3x20x40xf32> {
  %0 = etch.transpose %w {permutation = array<i64: 0, 2, 1>} : (tensor<3x40x300xf32>) -> tensor<3x300x40xf32>
  %1 = etch.matmul %x, %0 : (tensor<3x20x300xf32>, tensor<3x300x40xf32>) -> tensor<3x20x40xf32>
  return %1 : tensor<3x20x40xf32>
})",
                   rounding());
  ASSERT_TRUE(compiled);
  Array<float> x({3, 20, 300}), w({3, 40, 300}), y({3, 20, 40});
  for (int64_t i = 0; i < int64_t(x.data.size()); ++i)
    x[i] = float(i % 7 - 3);
  for (int64_t i = 0; i < int64_t(w.data.size()); ++i)
    w[i] = float(i % 11 - 5);
  ASSERT_EQ(compiled.in(x).in(w).out(y).run(), ETCH_OK);
  for (int64_t b = 0; b < 3; ++b)
    for (int64_t i = 0; i < 20; ++i)
      for (int64_t j = 0; j < 40; ++j) {
        float sum = 0;
        for (int64_t k = 0; k < 300; ++k)
          sum += x[(b * 20 + i) * 300 + k] * w[(b * 40 + j) * 300 + k];
        ASSERT_EQ(y[(b * 20 + i) * 40 + j], sum);
      }
}

TEST(Bf16, WhatIsNoNumberStaysNone) {
  const Sizes s = {40, 40, 40};
  // Among them one whose bits would be those of infinity without its low ones.
  for (const char *mcpu : {"native", "x86-64-v3"})
    for (uint32_t bits : {0x7f800001u, 0x7fffffffu, 0xffffffffu, 0x7f800000u}) {
      Program compiled(text(s, false, false, false, false), rounding(mcpu));
      ASSERT_TRUE(compiled);
      Array<float> x({40, 40}, 1.0f), w({40, 40}, 1.0f), b({40}), y({40, 40});
      x[45] = std::bit_cast<float>(bits);
      ASSERT_EQ(compiled.in(x).in(w).in(b).out(y).run(), ETCH_OK);
      for (int64_t j = 0; j < 40; ++j) {
        EXPECT_EQ(y[j], 40.0f);
        EXPECT_EQ(std::isinf(y[40 + j]), bits == 0x7f800000u);
        EXPECT_EQ(std::isnan(y[40 + j]), bits != 0x7f800000u);
      }
    }
}

/// From here on Linux refuses tile registers to this process.
bool refuseTiles() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_arch_prctl, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog program = {std::size(filter), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(Bf16, WhereTilesAreRefused) {
  const Sizes s = {70, 1100, 90};
  for (int form = 0; form < 6; ++form) {
    auto options = rounding();
    bool keeps = options.freeze = form >= 4;
    Program compiled(
        text(s, form & 1, form & 2, form > 1 && !keeps, false, keeps), options);
    ASSERT_TRUE(compiled);
    pid_t child = fork();
    if (child == 0) {
      if (!refuseTiles())
        _exit(2);
      bool good = check(compiled, s, form & 1, form & 2, false, false, nullptr);
      _exit(good ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
      GTEST_SKIP() << "no system calls can be refused here";
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

/// Strict programs, and those of one row or column, have all bits of f32.
TEST(Bf16, WhatIsNotRounded) {
  auto options = rounding();
  for (bool strict : {false, true}) {
    const Sizes s = {strict ? 20 : 1, 300, 40};
    options.mode = strict ? etch::driver::Mode::strict : options.mode;
    Program compiled(text(s, false, false, false, false), options),
        full(text(s, false, false, false, false));
    ASSERT_TRUE(compiled && full);
    auto x = randomArray<float>({s.m, s.k}, 1),
         w = randomArray<float>({s.k, s.n}, 2),
         b = randomArray<float>({s.n}, 3);
    Array<float> y({s.m, s.n}), z({s.m, s.n});
    ASSERT_EQ(compiled.in(x).in(w).in(b).out(y).run(), ETCH_OK);
    ASSERT_EQ(full.in(x).in(w).in(b).out(z).run(), ETCH_OK);
    EXPECT_TRUE(y.same(z));
  }
}

} // namespace

//===- GemmTest.cpp - Matrix products, bit for bit ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CPU/Program.h"

#include <cmath>

using namespace etch::test;

namespace {

struct Sizes {
  int64_t m, k, n;
};
const Sizes all[] = {
    {1, 1, 1},       {1, 300, 1},    {1, 5000, 1},   {100, 1, 10},
    {100, 10, 1},    {7, 13, 5},     {8, 16, 32},    {9, 17, 33},
    {16, 256, 64},   {30, 257, 31},  {33, 600, 70},  {1, 100, 50},
    {50, 100, 1},    {3, 0, 4},      {100, 784, 10}, {64, 64, 64},
    {261, 300, 300}, {2, 3, 17},     {17, 1000, 16}, {0, 3, 4},
    {31, 300, 48},   {80, 1024, 48}, {3, 300, 37},   {1, 530, 100},
    {5, 40, 32},     {67, 290, 70},  {97, 520, 33},  {2060, 260, 20},
    {64, 600, 67}};

struct Form {
  bool left, right; ///< transposed
};
const Form forms[] = {
    {false, false}, {false, true}, {true, false}, {true, true}};

template <class T>
std::string program(const Sizes &s, Form form, bool dynamic, bool epilogue) {
  std::string x = typeText<T>({s.m, s.k}, dynamic),
              w = typeText<T>({s.k, s.n}, dynamic),
              xt = typeText<T>({s.k, s.m}, dynamic),
              wt = typeText<T>({s.n, s.k}, dynamic),
              y = typeText<T>({s.m, s.n}, dynamic),
              b = typeText<T>({s.n}, dynamic);
  std::string shape = std::to_string(s.m) + ", " + std::to_string(s.n);
  auto transpose = [](std::string to, std::string of, std::string from,
                      std::string type) {
    return "  " + to + " = etch.transpose " + of +
           " {permutation = array<i64: 1, 0>} : (" + from + ") -> " + type +
           "\n";
  };
  std::string text = "func.func @main(%x: " + (form.left ? xt : x) +
                     ", %w: " + (form.right ? wt : w) +
                     (epilogue ? ", %b: " + b : "") + ") -> " + y + " {\n";
  if (form.left)
    text += transpose("%xt", "%x", xt, x);
  if (form.right)
    text += transpose("%wt", "%w", wt, w);
  text += std::string("  %0 = etch.matmul ") + (form.left ? "%xt" : "%x") +
          ", " + (form.right ? "%wt" : "%w") + " : (" + x + ", " + w + ") -> " +
          y + "\n";
  if (!epilogue)
    return text + "  return %0 : " + y + "\n}\n";
  return text + "  %1 = etch.broadcast_to %b {shape = array<i64: " + shape +
         ">} : (" + b + ") -> " + y + "\n  %2 = etch.add %0, %1 : (" + y +
         ", " + y + ") -> " + y + "\n  %3 = etch.relu %2 : (" + y + ") -> " +
         y + "\n  return %3 : " + y + "\n}\n";
}

template <class T> T multiplyAdd(T a, T b, T c) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fma(a, b, c);
  else
    return T(uint64_t(c) + uint64_t(a) * uint64_t(b));
}

/// The definition: chains over blocks of 256, block sums in order; one row by
/// one column is a reduction of rounded products.
template <class T>
T element(const Array<T> &x, const Array<T> &w, const Sizes &s, Form form,
          int64_t i, int64_t j) {
  auto left = [&](int64_t k) {
    return form.left ? x[k * s.m + i] : x[i * s.k + k];
  };
  auto right = [&](int64_t k) {
    return form.right ? w[j * s.k + k] : w[k * s.n + j];
  };
  if (s.m == 1 && s.n == 1 && s.k != 0) {
    std::vector<T> products;
    for (int64_t k = 0; k < s.k; ++k)
      products.push_back(left(k) * right(k));
    return strictReduction(products,
                           std::is_floating_point_v<T> ? T(-0.0) : T(0),
                           [](T a, T b) { return T(a + b); });
  }
  T total = 0;
  for (int64_t from = 0; from < s.k; from += 256) {
    T block = 0;
    for (int64_t k = from; k < std::min(s.k, from + 256); ++k)
      block = multiplyAdd(left(k), right(k), block);
    total = from ? T(total + block) : block;
  }
  return total;
}

template <class T>
void check(Program &compiled, const Sizes &s, Form form, bool epilogue) {
  auto x = randomArray<T>(form.left ? Extents{s.k, s.m} : Extents{s.m, s.k}, 1);
  auto w =
      randomArray<T>(form.right ? Extents{s.n, s.k} : Extents{s.k, s.n}, 2);
  auto b = randomArray<T>({s.n}, 3);
  Array<T> expected({s.m, s.n});
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) {
      T v = element(x, w, s, form, i, j);
      if (epilogue)
        v = v + b[j] > 0 ? v + b[j] : T(0);
      expected[i * s.n + j] = v;
    }
  for (const etch_host_t *host : {backwardsHost(), (const etch_host_t *)0}) {
    Array<T> y({s.m, s.n}, T(77));
    compiled.in(x).in(w);
    if (epilogue)
      compiled.in(b);
    ASSERT_EQ(compiled.out(y).run(host), ETCH_OK);
    EXPECT_TRUE(y.same(expected))
        << s.m << "x" << s.k << "x" << s.n << " " << form.left << form.right;
  }
}

TEST(Gemm, OneKernelForAllExtents) {
  for (const Form &form : forms) {
    Program single(program<float>({}, form, true, false)),
        full(program<double>({}, form, true, false));
    ASSERT_TRUE(single && full);
    for (const Sizes &s : all) {
      check<float>(single, s, form, false);
      check<double>(full, s, form, false);
    }
  }
}

/// Panels of unlike numbers of rows; the first tiles pack what they use, two
/// panels at a time where rows come from afar.
TEST(Gemm, PackedInPassing) {
  for (const Sizes &s :
       {Sizes{29, 300, 90}, {64, 530, 64}, {97, 70, 131}, {528, 1030, 70}})
    for (const Form &form : forms) {
      Program compiled(program<float>(s, form, false, form.left));
      ASSERT_TRUE(compiled);
      check<float>(compiled, s, form, form.left);
    }
}

TEST(Gemm, StaticShapes) {
  int turn = 0;
  for (const Sizes &s : all)
    for (int i = 0; i < 2; ++i, ++turn) {
      const Form &form = forms[turn % 4];
      bool epilogue = turn % 3 != 0;
      Program compiled(program<float>(s, form, false, epilogue));
      ASSERT_TRUE(compiled);
      check<float>(compiled, s, form, epilogue);
    }
}

/// Few rows by matrices that are read where they lie; how many is known, or
/// open: then small matrices are, too.
TEST(Gemm, FewRowsByALargeMatrix) {
  const Form plain = {false, false};
  for (const Sizes &s : {Sizes{1, 800, 1003},
                         {3, 1517, 700},
                         {8, 771, 1104},
                         {5, 100, 8200},
                         {14, 803, 701},
                         {17, 790, 704},
                         {29, 1100, 517},
                         {48, 500, 1090}}) {
    Program compiled(program<float>(s, plain, false, true));
    ASSERT_TRUE(compiled);
    check<float>(compiled, s, plain, true);
  }
  auto type = [](std::string rows, int64_t columns) {
    return "tensor<" + rows + "x" + std::to_string(columns) + "xf32>";
  };
  for (auto [mcpu, k, n] : {std::tuple("native", 1117, 750),
                            {"x86-64-v3", 1117, 750},
                            {"native", 37, 91},
                            {"x86-64-v3", 37, 91},
                            {"x86-64-v2", 37, 91}}) {
    std::string x = type("?", k), w = type(std::to_string(k), n),
                y = type("?", n);
    Program open("func.func @main(%x: " + x + ", %w: " + w + ") -> " + y +
                     " {\n  %0 = etch.matmul %x, %w : (" + x + ", " + w +
                     ") -> " + y + "\n  return %0 : " + y + "\n}\n",
                 mcpu);
    ASSERT_TRUE(open);
    for (int64_t m : {0, 1, 2, 4, 7, 8, 9, 13, 16, 17, 30, 48, 49})
      check<float>(open, {m, k, n}, plain, false);
  }
  Program full(program<double>({11, 300, 903}, plain, false, true));
  ASSERT_TRUE(full);
  check<double>(full, {11, 300, 903}, plain, true);
}

/// Columns that lie along K, transposed in registers beside few rows' sums.
TEST(Gemm, FewRowsByColumnsAlongK) {
  const Form along = {false, true};
  for (const Sizes &s :
       {Sizes{9, 300, 90}, {12, 133, 70}, {14, 529, 101}, {15, 40, 50}}) {
    Program single(program<float>(s, along, false, true)),
        full(program<double>(s, along, false, false));
    ASSERT_TRUE(single && full);
    check<float>(single, s, along, true);
    check<double>(full, s, along, false);
  }
}

TEST(Gemm, OtherTypes) {
  for (const Sizes &s : {Sizes{33, 300, 70}, {9, 17, 33}, {50, 100, 1}}) {
    Program f64(program<double>(s, forms[1], false, true)),
        i32(program<int32_t>(s, forms[0], false, false)),
        i64(program<int64_t>(s, forms[2], false, false));
    ASSERT_TRUE(f64 && i32 && i64);
    check<double>(f64, s, forms[1], true);
    check<int32_t>(i32, s, forms[0], false);
    check<int64_t>(i64, s, forms[2], false);
  }
}

TEST(Gemm, OtherVectorWidths) {
  for (const char *mcpu : {"x86-64-v3", "x86-64-v2"})
    for (const Form &form : forms) {
      Program compiled(program<float>({}, form, true, false), mcpu);
      ASSERT_TRUE(compiled);
      for (const Sizes &s : all)
        check<float>(compiled, s, form, false);
    }
}

TEST(Gemm, Batches) {
  Program compiled(R"(
func.func @main(%x: tensor<3x20x300xf32>, %w: tensor<3x40x300xf32>) -> tensor<3x20x40xf32> {
  %0 = etch.transpose %w {permutation = array<i64: 0, 2, 1>} : (tensor<3x40x300xf32>) -> tensor<3x300x40xf32>
  %1 = etch.matmul %x, %0 : (tensor<3x20x300xf32>, tensor<3x300x40xf32>) -> tensor<3x20x40xf32>
  return %1 : tensor<3x20x40xf32>
})");
  ASSERT_TRUE(compiled);
  auto x = randomArray<float>({3, 20, 300}, 1),
       w = randomArray<float>({3, 40, 300}, 2);
  Array<float> y({3, 20, 40}), expected({3, 20, 40});
  for (int64_t b = 0; b < 3; ++b) {
    Array<float> xb({20, 300}), wb({40, 300});
    std::copy_n(x.data.begin() + b * 6000, 6000, xb.data.begin());
    std::copy_n(w.data.begin() + b * 12000, 12000, wb.data.begin());
    for (int64_t i = 0; i < 20; ++i)
      for (int64_t j = 0; j < 40; ++j)
        expected[(b * 20 + i) * 40 + j] =
            element(xb, wb, {20, 300, 40}, forms[1], i, j);
  }
  ASSERT_EQ(compiled.in(x).in(w).out(y).run(), ETCH_OK);
  EXPECT_TRUE(y.same(expected));
}

/// There is nothing to fetch of a next pair of matrices.
TEST(Gemm, BatchesOfEmptyMatrices) {
  for (const Sizes &s : {Sizes{0, 4, 4}, {2, 0, 4}, {2, 4, 0}}) {
    auto type = [](int64_t rows, int64_t columns) {
      return "tensor<33x" + std::to_string(rows) + "x" +
             std::to_string(columns) + "xf32>";
    };
    std::string x = type(s.m, s.k), w = type(s.k, s.n), y = type(s.m, s.n);
    Program compiled("func.func @main(%x: " + x + ", %w: " + w + ") -> " + y +
                     " {\n  %0 = etch.matmul %x, %w : (" + x + ", " + w +
                     ") -> " + y + "\n  return %0 : " + y + "\n}\n");
    ASSERT_TRUE(compiled);
    auto left = randomArray<float>({33, s.m, s.k}, 1),
         right = randomArray<float>({33, s.k, s.n}, 2);
    Array<float> result({33, s.m, s.n}), zeros({33, s.m, s.n});
    ASSERT_EQ(compiled.in(left).in(right).out(result).run(), ETCH_OK);
    EXPECT_TRUE(result.same(zeros));
  }
}

/// Rows fill vectors better than columns do: the result is made transposed.
TEST(Gemm, TurnedBatches) {
  Program compiled(R"(
func.func @main(%x: tensor<2x530x31xf32>, %w: tensor<2x530x34xf32>) -> tensor<2x31x34xf32> {
  %0 = etch.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<2x530x31xf32>) -> tensor<2x31x530xf32>
  %1 = etch.matmul %0, %w : (tensor<2x31x530xf32>, tensor<2x530x34xf32>) -> tensor<2x31x34xf32>
  return %1 : tensor<2x31x34xf32>
})");
  ASSERT_TRUE(compiled);
  auto x = randomArray<float>({2, 530, 31}, 1),
       w = randomArray<float>({2, 530, 34}, 2);
  Array<float> y({2, 31, 34}), expected({2, 31, 34});
  for (int64_t b = 0; b < 2; ++b) {
    Array<float> xb({530, 31}), wb({530, 34});
    std::copy_n(x.data.begin() + b * 530 * 31, 530 * 31, xb.data.begin());
    std::copy_n(w.data.begin() + b * 530 * 34, 530 * 34, wb.data.begin());
    for (int64_t i = 0; i < 31; ++i)
      for (int64_t j = 0; j < 34; ++j)
        expected[(b * 31 + i) * 34 + j] =
            element(xb, wb, {31, 530, 34}, forms[2], i, j);
  }
  ASSERT_EQ(compiled.in(x).in(w).out(y).run(), ETCH_OK);
  EXPECT_TRUE(y.same(expected));
}

} // namespace

//===- PointwiseTest.cpp - Pointwise kernels and the entry points ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CPU/Program.h"

#include <cmath>
#include <xmmintrin.h>

using namespace etch::test;

namespace {

const Extents shapes[] = {{},        {0},      {1},      {7},
                          {16},      {17},     {67},     {3, 5},
                          {16, 16},  {7, 33},  {0, 4},   {4, 0},
                          {2, 3, 5}, {1, 130}, {131, 1}, {1000, 101}};

/// (x + w) * x, and x < w.
template <class T>
std::string twoResults(const Extents &shape, bool dynamic, bool strided) {
  std::string t = typeText<T>(shape, dynamic),
              bits = typeText<uint8_t>(shape, dynamic),
              attr = strided ? " {etch.strided}" : "";
  return "func.func @main(%x: " + t + attr + ", %w: " + t + attr + ") -> (" +
         t + ", " + bits + ") {\n  %0 = etch.add %x, %w : (" + t + ", " + t +
         ") -> " + t + "\n  %1 = etch.mul %0, %x : (" + t + ", " + t + ") -> " +
         t + "\n  %2 = etch.less %x, %w : (" + t + ", " + t + ") -> " + bits +
         "\n  return %1, %2 : " + t + ", " + bits + "\n}\n";
}

template <class T>
void checkTwoResults(Program &program, Array<T> &x, Array<T> &w) {
  for (const etch_host_t *host : {backwardsHost(), (const etch_host_t *)0}) {
    Array<T> y(x.extents, T(77)), expected(x.extents);
    Array<uint8_t> less(x.extents, 9), expectedLess(x.extents);
    auto at = [](const Array<T> &a, int64_t i) {
      int64_t offset = 0;
      for (size_t axis = a.extents.size(); axis-- > 0; i /= a.extents[axis])
        offset += i % a.extents[axis] * a.strides[axis];
      return a[offset];
    };
    for (int64_t i = 0; i < countOf(x.extents); ++i) {
      expected[i] = (at(x, i) + at(w, i)) * at(x, i);
      expectedLess[i] = at(x, i) < at(w, i);
    }
    ASSERT_EQ(program.in(x).in(w).out(y).out(less).run(host), ETCH_OK);
    EXPECT_TRUE(y.same(expected)) << testing::PrintToString(x.extents);
    EXPECT_TRUE(less.same(expectedLess)) << testing::PrintToString(x.extents);
  }
}

template <class T> class Pointwise : public testing::Test {};
using Numbers = testing::Types<float, double, int32_t, int64_t>;
TYPED_TEST_SUITE(Pointwise, Numbers);

TYPED_TEST(Pointwise, StaticShapes) {
  using T = TypeParam;
  for (const Extents &shape : shapes) {
    Program program(twoResults<T>(shape, false, false));
    ASSERT_TRUE(program);
    auto x = randomArray<T>(shape, 1), w = randomArray<T>(shape, 2);
    checkTwoResults(program, x, w);
  }
}

TYPED_TEST(Pointwise, OneKernelForAllExtents) {
  using T = TypeParam;
  for (bool strided : {false, true})
    for (size_t rank = 1; rank <= 3; ++rank) {
      Program program(twoResults<T>(Extents(rank), true, strided));
      ASSERT_TRUE(program);
      for (const Extents &shape : shapes)
        if (shape.size() == rank) {
          auto x = randomArray<T>(shape, 1), w = randomArray<T>(shape, 2);
          checkTwoResults(program, x, w);
        }
    }
}

TYPED_TEST(Pointwise, StridesOfTheDescriptor) {
  using T = TypeParam;
  Program program(twoResults<T>({0, 0}, true, true));
  ASSERT_TRUE(program);
  for (auto [rows, columns] : {std::pair(3, 5), {17, 33}, {300, 70}}) {
    auto x = randomArray<T>({rows * 2, columns * 3}, 1);
    auto w = randomArray<T>({columns, rows}, 2);
    x.extents = w.extents = {rows, columns};
    x.strides = {columns * 6, 3}; // every other row, every third column
    w.strides = {1, rows};        // transposed
    checkTwoResults(program, x, w);
    w.strides = {1, 0}; // a column, repeated
    checkTwoResults(program, x, w);
  }
}

TEST(Views, BroadcastAndTranspose) {
  Program program(R"(
func.func @main(%x: tensor<4x5x6xf32>, %b: tensor<5xf32>, %c: tensor<6x1x5xf32>,
                %s: tensor<f32>) -> tensor<6x4x5xf32> {
  %0 = etch.transpose %x {permutation = array<i64: 2, 0, 1>} : (tensor<4x5x6xf32>) -> tensor<6x4x5xf32>
  %1 = etch.broadcast_to %b {shape = array<i64: 6, 4, 5>} : (tensor<5xf32>) -> tensor<6x4x5xf32>
  %2 = etch.broadcast_to %c {shape = array<i64: 6, 4, 5>} : (tensor<6x1x5xf32>) -> tensor<6x4x5xf32>
  %3 = etch.broadcast_to %s {shape = array<i64: 6, 4, 5>} : (tensor<f32>) -> tensor<6x4x5xf32>
  %4 = etch.add %0, %1 : (tensor<6x4x5xf32>, tensor<6x4x5xf32>) -> tensor<6x4x5xf32>
  %5 = etch.mul %4, %2 : (tensor<6x4x5xf32>, tensor<6x4x5xf32>) -> tensor<6x4x5xf32>
  %6 = etch.sub %5, %3 : (tensor<6x4x5xf32>, tensor<6x4x5xf32>) -> tensor<6x4x5xf32>
  return %6 : tensor<6x4x5xf32>
})");
  ASSERT_TRUE(program);
  auto x = randomArray<float>({4, 5, 6}, 1), b = randomArray<float>({5}, 2),
       c = randomArray<float>({6, 1, 5}, 3), s = randomArray<float>({}, 4);
  Array<float> y({6, 4, 5}), expected({6, 4, 5});
  for (int i = 0; i < 6; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 5; ++k) {
        float sum = x[(j * 5 + k) * 6 + i] + b[k];
        float product = sum * c[i * 5 + k];
        expected[(i * 4 + j) * 5 + k] = product - s[0];
      }
  ASSERT_EQ(program.in(x).in(b).in(c).in(s).out(y).run(), ETCH_OK);
  EXPECT_TRUE(y.same(expected));
}

const char *functions = R"(
func.func @main(%x: tensor<1003x97xf32>, %z: tensor<1003x97xf64>) -> (tensor<1003x97xf32>, tensor<1003x97xf64>) {
  %0 = etch.tanh %x : (tensor<1003x97xf32>) -> tensor<1003x97xf32>
  %1 = etch.exp %0 : (tensor<1003x97xf32>) -> tensor<1003x97xf32>
  %2 = etch.sin %1 : (tensor<1003x97xf32>) -> tensor<1003x97xf32>
  %3 = etch.sigmoid %2 : (tensor<1003x97xf32>) -> tensor<1003x97xf32>
  %4 = etch.cos %z : (tensor<1003x97xf64>) -> tensor<1003x97xf64>
  %5 = etch.erf %4 : (tensor<1003x97xf64>) -> tensor<1003x97xf64>
  %6 = etch.cast %3 {to = "f64"} : (tensor<1003x97xf32>) -> tensor<1003x97xf64>
  %7 = etch.mul %5, %6 : (tensor<1003x97xf64>, tensor<1003x97xf64>) -> tensor<1003x97xf64>
  return %3, %7 : tensor<1003x97xf32>, tensor<1003x97xf64>
})";

TEST(Bits, DoNotDependOnVectorWidthOrThreads) {
  auto x = randomArray<float>({1003, 97}, 1);
  auto z = randomArray<double>({1003, 97}, 2);
  x[5] = 1e30f; // the slow paths of sin and cos
  z[7] = 1e300;
  x[11] = NAN;
  Array<float> y({1003, 97}), first({1003, 97});
  Array<double> w({1003, 97}), second({1003, 97});
  bool reference = true;
  for (const char *mcpu : {"native", "x86-64-v4", "x86-64-v3", "x86-64-v2"}) {
    if (std::strcmp(mcpu, "x86-64-v4") == 0 &&
        !__builtin_cpu_supports("avx512f"))
      continue;
    Program program(functions, mcpu);
    ASSERT_TRUE(program);
    for (const etch_host_t *host : {backwardsHost(), (const etch_host_t *)0}) {
      ASSERT_EQ(program.in(x).in(z).out(y).out(w).run(host), ETCH_OK);
      if (reference) {
        first = y;
        second = w;
        reference = false;
      }
      EXPECT_TRUE(y.same(first)) << mcpu;
      EXPECT_TRUE(w.same(second)) << mcpu;
    }
  }
}

TEST(Run, KeepsTheControlWordOfItsCaller) {
  Program program(twoResults<float>({100000}, false, false));
  ASSERT_TRUE(program);
  Array<float> x({100000}, 1e-40f), w({100000}, 1e-40f), y({100000});
  Array<uint8_t> less({100000});
  unsigned before = _mm_getcsr();
  _mm_setcsr(0x9fc0); // denormals flushed, as -ffast-math leaves it
  etch_status_t status = program.in(x).in(w).out(y).out(less).run();
  unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  EXPECT_EQ(status, ETCH_OK);
  EXPECT_EQ(after & 0xffc0u, 0x9fc0u);
}

TEST(Run, KeepsDenormals) {
  std::string t = "tensor<100000xf32>";
  Program program("func.func @main(%x: " + t + ") -> " + t +
                  " {\n  %0 = etch.add %x, %x : (" + t + ", " + t + ") -> " +
                  t + "\n  return %0 : " + t + "\n}\n");
  ASSERT_TRUE(program);
  Array<float> x({100000}, 1e-40f), y({100000});
  unsigned before = _mm_getcsr();
  _mm_setcsr(0x9fc0);
  etch_status_t status = program.in(x).out(y).run();
  _mm_setcsr(before);
  EXPECT_EQ(status, ETCH_OK);
  EXPECT_EQ(y[0], 1e-40f + 1e-40f);
  EXPECT_EQ(y[99999], 1e-40f + 1e-40f);
}

TEST(Run, RefusesAnArenaThatIsTooSmall) {
  Program program(R"(
func.func @main(%x: tensor<64x600xf32>, %w: tensor<600x70xf32>) -> tensor<64x70xf32> {
  %0 = etch.matmul %x, %w : (tensor<64x600xf32>, tensor<600x70xf32>) -> tensor<64x70xf32>
  return %0 : tensor<64x70xf32>
})");
  ASSERT_TRUE(program);
  auto x = randomArray<float>({64, 600}, 1),
       w = randomArray<float>({600, 70}, 2);
  Array<float> y({64, 70}, 5);
  EXPECT_EQ(program.in(x).in(w).out(y).run(backwardsHost(), 64),
            ETCH_ERROR_MEMORY);
  EXPECT_EQ(y[0], 5);
  EXPECT_EQ(program.in(x).in(w).out(y).run(), ETCH_OK);
  EXPECT_NE(y[0], 5);
}

TEST(Module, AnswersItsOwnVersionOnly) {
  Program program(twoResults<float>({3}, false, false));
  ASSERT_TRUE(program);
  const etch_module_t &m = program.module();
  EXPECT_EQ(m.abi_version, ETCH_ABI_VERSION);
  EXPECT_EQ(m.struct_size, sizeof(etch_module_t));
  EXPECT_EQ(m.num_args, 2);
  EXPECT_EQ(m.num_results, 2);
  EXPECT_EQ(m.args[1].extents[0], 3);
  EXPECT_EQ(m.args[1].role, ETCH_INPUT);
  EXPECT_EQ(m.results[1].dtype, ETCH_BOOL);
  EXPECT_EQ(m.results[1].role, ETCH_RESULT);
  EXPECT_EQ(m.results[1].update, ETCH_NO_UPDATE);
  EXPECT_EQ(m.num_launches, m.num_kernels);
  EXPECT_GT(m.num_kernels, 0);
}

//===----------------------------------------------------------------------===//
// Division of many numbers by one
//===----------------------------------------------------------------------===//

/// Bits of all kinds: special values, ends of the range, fractions near 1
/// and 2.
template <class T, class Word>
T anyNumber(std::mt19937_64 &generator, bool ordinary) {
  constexpr unsigned fraction = std::numeric_limits<T>::digits - 1;
  const T some[] = {T(0),
                    T(-0.0),
                    T(1),
                    T(-3),
                    std::numeric_limits<T>::max(),
                    std::numeric_limits<T>::min(),
                    std::numeric_limits<T>::denorm_min(),
                    std::numeric_limits<T>::infinity(),
                    std::numeric_limits<T>::quiet_NaN()};
  Word bits = Word(generator());
  Word low = (Word(1) << fraction) - 1;
  unsigned kind = unsigned(generator() % 16);
  if (kind < 2)
    bits |= low & ~Word(generator() % 4);
  if (kind == 2)
    bits &= ~low | Word(3);
  if (kind == 3 && !ordinary)
    return some[generator() % std::size(some)];
  if (kind != 4 || ordinary) { // an exponent in the middle
    constexpr Word middle = (sizeof(T) == 8 ? 1023 : 127) - 30;
    bits &= low | Word(1) << (8 * sizeof(T) - 1);
    bits |= Word(middle + generator() % 60) << fraction;
  }
  T number;
  std::memcpy(&number, &bits, sizeof number);
  return number;
}

template <class T, class Word> void divideRows() {
  constexpr int64_t rows = 400, columns = 333;
  std::mt19937_64 generator(7);
  Array<T> x({rows, columns}), d({rows, 1}), y({rows, columns}),
      expected({rows, columns});
  for (int64_t i = 0; i < rows; ++i)
    d[i] = anyNumber<T, Word>(generator, i % 2);
  for (int64_t i = 0; i < rows * columns; ++i) {
    // Rows of ordinary numbers have some vectors without any other.
    x[i] = anyNumber<T, Word>(generator, i % 1000 < 900);
    expected[i] = x[i] / d[i / columns];
  }
  std::string full = typeText<T>(x.extents), one = typeText<T>(d.extents);
  Program compiled(
      "func.func @main(%x: " + full + ", %d: " + one + ") -> " + full +
      " {\n  %0 = etch.broadcast_to %d {shape = array<i64: " +
      std::to_string(rows) + ", " + std::to_string(columns) + ">} : (" + one +
      ") -> " + full + "\n  %1 = etch.div %x, %0 : (" + full + ", " + full +
      ") -> " + full + "\n  return %1 : " + full + "\n}\n");
  ASSERT_TRUE(compiled);
  ASSERT_EQ(compiled.in(x).in(d).out(y).run(), ETCH_OK);
  EXPECT_TRUE(y.same(expected));
}

TEST(Pointwise, DivisionByOneNumber) {
  divideRows<float, uint32_t>();
  divideRows<double, uint64_t>();
}

} // namespace

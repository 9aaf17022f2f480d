//===- StagesTest.cpp - Several kernels row by row ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CPU/Program.h"

#include <cmath>

using namespace etch::test;

namespace {

/// exp(x - max) / sum of them, times w, and the sums: of static or symbolic
/// rows. An element of each row apart, for what is out of range is reported.
template <class T>
std::string program(int64_t rows, int64_t columns, bool dynamic) {
  std::string n = dynamic ? "?" : std::to_string(rows),
              c = std::to_string(columns), t = TypeName<T>::text;
  std::string x = "tensor<" + n + "x" + c + "x" + t + ">",
              y = "tensor<" + n + "x" + t + ">",
              column = "tensor<" + n + "x1x" + t + ">",
              w = "tensor<" + c + "x" + t + ">",
              index = "tensor<" + n + "x1xi64>",
              x3 = "tensor<" + n + "x" + c + "x1x" + t + ">",
              one = "tensor<" + n + "x1x1x" + t + ">";
  std::string extent = dynamic ? ", %n" : "", type = dynamic ? ", index" : "",
              r = dynamic ? "-9223372036854775808" : std::to_string(rows);
  auto shape = [&](const std::string &rest) {
    return " {shape = array<i64: " + r + rest + ">} : (";
  };
  std::string last = "{axes = array<i64: 1>, keepdims = false} : (";
  return "func.func @main(%x: " + x + ", %w: " + w + ", %i: " + index +
         ") -> (" + x + ", " + y + ", " + one + ") {\n" +
         (dynamic ? "  %c0 = arith.constant 0 : index\n  %n = tensor.dim %x, "
                    "%c0 : " +
                        x + "\n"
                  : "") +
         "  %0 = etch.max %x " + last + x + ") -> " + y +
         "\n  %1 = etch.reshape %0" + extent + shape(", 1") + y + type +
         ") -> " + column + "\n  %2 = etch.broadcast_to %1" + extent +
         shape(", " + c) + column + type + ") -> " + x +
         "\n  %3 = etch.sub %x, %2 : (" + x + ", " + x + ") -> " + x +
         "\n  %4 = etch.exp %3 : (" + x + ") -> " + x +
         "\n  %5 = etch.sum %4 " + last + x + ") -> " + y +
         "\n  %6 = etch.reshape %5" + extent + shape(", 1") + y + type +
         ") -> " + column + "\n  %7 = etch.broadcast_to %6" + extent +
         shape(", " + c) + column + type + ") -> " + x +
         "\n  %8 = etch.div %4, %7 : (" + x + ", " + x + ") -> " + x +
         "\n  %9 = etch.broadcast_to %w" + extent + shape(", " + c) + w + type +
         ") -> " + x + "\n  %10 = etch.mul %8, %9 : (" + x + ", " + x +
         ") -> " + x + "\n  %11 = etch.reshape %8" + extent +
         shape(", " + c + ", 1") + x + type + ") -> " + x3 +
         "\n  %12 = etch.gather %11, %i : (" + x3 + ", " + index + ") -> " +
         one + "\n  return %10, %5, %12 : " + x + ", " + y + ", " + one +
         "\n}\n";
}

template <class T> void check(int64_t rows, int64_t columns, bool dynamic) {
  std::string text = program<T>(rows, columns, dynamic);
  Program together(text),
      apart(text, "native", etch::driver::Effort::full, "etch-stage");
  ASSERT_TRUE(together);
  ASSERT_TRUE(apart);
  EXPECT_LT(together.module().num_launches, apart.module().num_launches);
  auto x = randomArray<T>({rows, columns}, 1), w = randomArray<T>({columns}, 2);
  Array<int64_t> index({rows, 1});
  for (int64_t i = 0; i < rows; ++i)
    index[i] = i * 7 % columns;
  Array<T> y({rows, columns}), sums({rows}), chosen({rows, 1, 1});
  ASSERT_EQ(apart.in(x).in(w).in(index).out(y).out(sums).out(chosen).run(),
            ETCH_OK);
  for (const etch_host_t *host : {backwardsHost(), (const etch_host_t *)0}) {
    Array<T> z({rows, columns}, T(77)), s({rows}, T(77)),
        g({rows, 1, 1}, T(77));
    ASSERT_EQ(together.in(x).in(w).in(index).out(z).out(s).out(g).run(host),
              ETCH_OK);
    EXPECT_TRUE(z.same(y)) << rows << " " << columns << " " << dynamic;
    EXPECT_TRUE(s.same(sums)) << rows << " " << columns << " " << dynamic;
    EXPECT_TRUE(g.same(chosen)) << rows << " " << columns << " " << dynamic;
  }
  if (rows > 20) {
    index[20] = columns;
    EXPECT_EQ(together.in(x).in(w).in(index).out(y).out(sums).out(chosen).run(),
              ETCH_ERROR_INDEX);
    EXPECT_EQ(together.call.error.value, columns);
  }
}

TEST(Stages, SameBitsAsApart) {
  for (bool dynamic : {false, true}) {
    check<float>(16, 10, dynamic);
    check<float>(301, 33, dynamic);
    check<float>(40, 1000, dynamic);
    check<float>(20, 9000, dynamic);
    check<double>(67, 64, dynamic);
  }
  check<float>(0, 24, true);
  check<double>(1, 24, true);
}

/// Rows that are fewer vectors than a long body takes at a time.
TEST(Stages, LongBodiesEndWhereRowsDo) {
  for (int64_t rows : {16, 40, 1})
    for (int64_t columns : {16, 32, 48, 96, 64})
      for (bool dynamic : {false, true}) {
        if (!dynamic && rows < 16)
          continue;
        std::string n = dynamic ? "?" : std::to_string(rows),
                    x = "tensor<" + n + "x4x" + std::to_string(columns / 4),
                    f32 = x + "xf32>", bit = x + "xi1>",
                    y = "tensor<" + n + "xf32>",
                    two = " : (" + f32 + ", " + f32 + ") -> " + bit,
                    number = " : (" + bit + ") -> " + f32,
                    same = " : (" + f32 + ") -> " + f32;
        Program program(
            "func.func @main(%x: " + f32 + ") -> (" + f32 + ", " + y + ") {" +
            "\n  %0 = etch.sigmoid %x" + same +
            "\n  %1 = etch.less_equal %0, %0" + two + "\n  %2 = etch.relu %x" +
            same +
            "\n  %3 = etch.min %2 {axes = array<i64: 1, 2>, keepdims = false}" +
            " : (" + f32 + ") -> " + y +
            "\n  %4 = etch.cast %1 {to = \"f32\"}" + number +
            "\n  %5 = etch.equal %2, %4" + two +
            "\n  %6 = etch.cast %5 {to = \"f32\"}" + number +
            "\n  return %6, %3 : " + f32 + ", " + y + "\n}\n");
        ASSERT_TRUE(program);
        EXPECT_EQ(program.module().num_launches, 1);
        auto in = randomArray<float>({rows, 4, columns / 4}, 1);
        for (int64_t i = 0; i < rows * columns; i += 3)
          in[i] = 1;
        Array<float> equal(in.extents), least({rows});
        for (const etch_host_t *host :
             {backwardsHost(), (const etch_host_t *)0}) {
          ASSERT_EQ(program.in(in).out(equal).out(least).run(host), ETCH_OK);
          for (int64_t i = 0; i < rows * columns; ++i)
            ASSERT_EQ(equal[i], in[i] == 1) << rows << " " << columns;
        }
      }
}

} // namespace

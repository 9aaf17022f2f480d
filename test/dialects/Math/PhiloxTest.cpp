//===- PhiloxTest.cpp - the random function against known answers ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The vectors are those that come with Random123, the authors' library.
//===----------------------------------------------------------------------===//

#include "test/dialects/Math/Kernel.h"
#include "test/support/Json.h"

#include "gtest/gtest.h"

namespace etch::test {
namespace {

constexpr unsigned widest = 8;

class Philox : public testing::TestWithParam<unsigned> {};

TEST_P(Philox, KnownAnswers) {
  Json rows = Json::data("philox.json")["random123"];
  size_t n = rows.size();
  // As many as fill a vector: the last one again.
  std::vector<int64_t> in[6];
  for (size_t i = 0; i < widest; ++i) {
    const Json &row = rows[std::min(i, n - 1)];
    for (size_t word = 0; word < 4; ++word)
      in[word].push_back(int64_t(row["counter"][word].number()));
    for (size_t word = 0; word < 2; ++word)
      in[4 + word].push_back(int64_t(row["key"][word].number()));
  }
  for (size_t word = 0; word < 4; ++word) {
    Kernel kernel(
        std::vector(6, Element::I64), Element::I64, GetParam(),
        [&](llvm::ArrayRef<ScalarExpr> x) {
          return philox4x32({{x[0], x[1], x[2], x[3]}}, x[4], x[5]).words[word];
        });
    std::vector<int64_t> out(widest);
    kernel.run({in[0].data(), in[1].data(), in[2].data(), in[3].data(),
                in[4].data(), in[5].data()},
               out.data(), widest);
    for (size_t i = 0; i < n; ++i)
      EXPECT_EQ(out[i], int64_t(rows[i]["words"][word].number()))
          << "vector " << i << ", word " << word;
    EXPECT_TRUE(kernel.calls().empty());
  }
}

template <class T> void expectUniforms(Element element, const char *key) {
  Json rows = Json::data("philox.json")["uniform"];
  ASSERT_EQ(rows.size(), size_t(widest));
  std::vector<int64_t> counters, keys;
  for (const Json &row : rows.array()) {
    counters.push_back(int64_t(row["counter"].number()));
    keys.push_back(int64_t(row["key"].number()));
  }
  for (unsigned width : {1u, 4u, 8u}) {
    Kernel kernel({Element::I64, Element::I64}, element, width,
                  [&](llvm::ArrayRef<ScalarExpr> x) {
                    mlir::Type type = element == Element::F32
                                          ? mlir::Type(x[0].b->getF32Type())
                                          : x[0].b->getF64Type();
                    return philox(x[0], x[1], type);
                  });
    std::vector<T> out(widest);
    kernel.run({counters.data(), keys.data()}, out.data(), widest);
    for (size_t i = 0; i < widest; ++i)
      EXPECT_EQ(double(out[i]), rows[i][key].number())
          << "row " << i << ", width " << width;
  }
}

TEST(PhiloxUniform, Single) { expectUniforms<float>(Element::F32, "f32"); }
TEST(PhiloxUniform, Double) { expectUniforms<double>(Element::F64, "f64"); }

INSTANTIATE_TEST_SUITE_P(Widths, Philox, testing::Values(1u, 4u, 8u));

} // namespace
} // namespace etch::test

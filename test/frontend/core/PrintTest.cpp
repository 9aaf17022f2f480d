//===- PrintTest.cpp - arrays as text, against NumPy ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "test/support/Json.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <sstream>

using namespace etch;
using etch::test::Json;

TEST(C008_Printing, EmptyAndMatrix) {
  EXPECT_EQ(to_string(Variable()), "variable(None)");
  std::ostringstream os;
  os << array({{1, 2, 3}, {4, 5, 6}});
  EXPECT_EQ(os.str(), "variable([[1 2 3]\n          [4 5 6]])");
}

TEST(C008_Printing, AsNumPy) {
  Json file = Json::data("printing.json");
  for (const Json &c : file["cases"].array()) {
    SCOPED_TRACE(c["name"].text());
    std::vector<double> values;
    for (const Json &v : c["values"].array())
      values.push_back(std::strtod(v.text().c_str(), nullptr));
    Shape shape;
    for (const Json &e : c["shape"].array())
      shape.push_back(int64_t(e.number()));
    std::string name = c["dtype"].text();
    DType dtype = name == "float32" ? f32
                  : name == "int64" ? i64
                  : name == "bool"  ? boolean
                                    : f64;
    std::vector<float> narrow(values.begin(), values.end());
    std::vector<int64_t> integers;
    if (dtype == i64)
      integers.assign(values.begin(), values.end());
    Variable x = dtype == f32   ? from_data(narrow, shape)
                 : dtype == i64 ? from_data(integers, shape)
                                : from_data(values, shape);
    if (dtype == boolean) {
      x = zeros(shape, {.dtype = boolean});
      for (size_t i = 0; i < values.size(); ++i)
        x.span<bool>()[i] = values[i] != 0;
    }
    EXPECT_EQ(to_string(x), c["text"].text());
  }
}

TEST(Print, WhatAnArrayIsMadeOf) {
  Variable x = zeros({2, 3}, {.dtype = f32});
  std::ostringstream os;
  os << x.shape() << ' ' << x.dtype() << ' ' << x.device();
  EXPECT_EQ(os.str(), "(2, 3) float32 cpu");
}

//===- ProductTest.cpp - Products by cuBLASLt, on a fake one --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/runtime/cuda/FakeDriver.h"

#include "etch/device.h"
#include "etch/host.h"

#include <cmath>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <vector>

using testing::HasSubstr;

namespace {

/// An array of the device, filled with numbers that differ.
struct Array {
  etch_device_t *device;
  std::vector<float> host;
  float *there = nullptr;

  Array(etch_device_t *device, int64_t count, float first)
      : device(device), host(size_t(count)) {
    for (size_t i = 0; i < host.size(); ++i)
      host[i] = std::sin(first + 1.7f * float(i));
    void *memory = nullptr;
    EXPECT_EQ(etch_device_alloc(device, host.size() * 4, &memory), ETCH_OK);
    EXPECT_EQ(etch_device_copy_in(device, memory, host.data(), host.size() * 4),
              ETCH_OK);
    there = static_cast<float *>(memory);
  }
  std::vector<float> now() const {
    std::vector<float> values(host.size());
    EXPECT_EQ(
        etch_device_copy_out(device, values.data(), there, values.size() * 4),
        ETCH_OK)
        << etch_last_error();
    return values;
  }
};

struct Product : testing::Test {
  etch_device_t *device = nullptr;
  static constexpr int64_t m = 5, n = 24, k = 7;

  void SetUp() override {
    ASSERT_STREQ(etch_products_unavailable(), "");
    ASSERT_EQ(etch_device_open(0, &device), ETCH_OK) << etch_last_error();
  }
  void TearDown() override { etch_device_close(device); }

  etch_product_t product(const Array &y, const Array &a, const Array &b) {
    etch_product_t p = {};
    p.y = y.there;
    p.a = a.there;
    p.b = b.there;
    p.batch = 1;
    p.m = m;
    p.n = n;
    p.k = k;
    p.a_strides[1] = k;
    p.a_strides[2] = 1;
    p.b_strides[1] = n;
    p.b_strides[2] = 1;
    p.dtype = ETCH_F32;
    p.site = 3;
    return p;
  }
  int32_t run(const etch_product_t &p) {
    int32_t done = 0;
    EXPECT_EQ(etch_device_product(device, &p, &done), ETCH_OK)
        << etch_last_error();
    return done;
  }
  /// Element (i, j) of a b.
  static double dot(const Array &a, const Array &b, const etch_product_t &p,
                    int64_t i, int64_t j, int64_t batch = 0) {
    double sum = 0;
    for (int64_t l = 0; l < p.k; ++l)
      sum += double(a.host[size_t(batch * p.a_strides[0] + i * p.a_strides[1] +
                                  l * p.a_strides[2])]) *
             double(b.host[size_t(batch * p.b_strides[0] + l * p.b_strides[1] +
                                  j * p.b_strides[2])]);
    return sum;
  }
};

} // namespace

TEST_F(Product, MatricesAsTheyLie) {
  Array a(device, m * k, 0), b(device, k * n, 1), y(device, m * n, 2);
  for (int form = 0; form < 4; ++form) {
    etch_product_t p = product(y, a, b);
    if (form & 1) {
      p.a_strides[1] = 1;
      p.a_strides[2] = m;
    }
    if (form & 2) {
      p.b_strides[1] = 1;
      p.b_strides[2] = k;
    }
    EXPECT_EQ(run(p), ETCH_DONE);
    std::vector<float> values = y.now();
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        EXPECT_NEAR(values[size_t(i * n + j)], dot(a, b, p, i, j), 1e-5)
            << form;
  }
  etch_device_info_t info = {};
  EXPECT_EQ(etch_device_describe(device, &info), ETCH_OK);
  EXPECT_EQ(info.library_calls, 4u);
}

TEST_F(Product, BatchesAndRepeatedOperands) {
  Array a(device, 3 * m * k, 0), b(device, k * n, 1), y(device, 3 * m * n, 2);
  etch_product_t p = product(y, a, b);
  p.batch = 3;
  p.a_strides[0] = m * k;
  EXPECT_EQ(run(p), ETCH_DONE);
  std::vector<float> values = y.now();
  for (int64_t batch = 0; batch < 3; ++batch)
    for (int64_t i = 0; i < m; ++i)
      EXPECT_NEAR(values[size_t((batch * m + i) * n + 2)],
                  dot(a, b, p, i, 2, batch), 1e-5);
}

TEST_F(Product, WhatItCannotSeeIsLeftAlone) {
  Array a(device, 4 * m * k, 0), b(device, k * n, 1), y(device, m * n, 2);
  etch_product_t p = product(y, a, b);
  p.a_strides[1] = 2 * k;
  p.a_strides[2] = 2; // every other element
  EXPECT_EQ(run(p), 0);
  p = product(y, a, b);
  p.dtype = ETCH_I32;
  EXPECT_EQ(run(p), 0);
  p = product(y, a, b);
  p.m = 0;
  EXPECT_EQ(run(p), 0);
  EXPECT_EQ(y.now(), y.host);
}

TEST_F(Product, ReluKeepsItsMask) {
  Array a(device, m * k, 0), b(device, k * n, 1), y(device, m * n, 2),
      bias(device, n, 3), mask(device, m * 4, 0), g(device, m * k, 5),
      gy(device, m * n, 6), gb(device, n, 7);
  etch_product_t p = product(y, a, b);
  p.bias = bias.there;
  p.aux = mask.there;
  p.activation = ETCH_RELU;
  EXPECT_EQ(run(p), ETCH_DONE | ETCH_DONE_AUX);
  std::vector<float> values = y.now();
  etch_product_t back = product(gy, g, b);
  back.activation = ETCH_RELU_GRAD;
  back.aux = mask.there;
  back.bias_grad = gb.there;
  EXPECT_EQ(run(back), ETCH_DONE | ETCH_DONE_BIAS_GRAD);
  std::vector<float> gradients = gy.now(), sums = gb.now();
  for (int64_t j = 0; j < n; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < m; ++i) {
      double z = dot(a, b, p, i, j) + double(bias.host[size_t(j)]);
      EXPECT_NEAR(values[size_t(i * n + j)], z > 0 ? z : 0, 1e-5);
      double expected = z > 0 ? dot(g, b, back, i, j) : 0;
      EXPECT_NEAR(gradients[size_t(i * n + j)], expected, 1e-5);
      sum += expected;
    }
    EXPECT_NEAR(sums[size_t(j)], sum, 1e-5);
  }
  // Without the mask there is no way.
  back.aux = nullptr;
  EXPECT_EQ(run(back), 0);
}

TEST_F(Product, GeluKeepsItsArgument) {
  Array a(device, m * k, 0), b(device, k * n, 1), y(device, m * n, 2),
      bias(device, n, 3), z(device, m * n, 4), g(device, m * n, 5);
  etch_product_t p = product(y, a, b);
  p.bias = bias.there;
  p.aux = z.there;
  p.activation = ETCH_GELU;
  EXPECT_EQ(run(p), ETCH_DONE | ETCH_DONE_AUX);
  EXPECT_NEAR(z.now()[30], dot(a, b, p, 1, 6) + double(bias.host[6]), 1e-5);
  etch_product_t back = product(g, a, b);
  back.activation = ETCH_GELU_GRAD;
  back.aux = z.there;
  EXPECT_EQ(run(back), ETCH_DONE);
  // The slope, by differences.
  auto gelu = [](double x) {
    return 0.5 * x *
           (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  };
  double at = double(z.now()[30]), h = 1e-5,
         slope = (gelu(at + h) - gelu(at - h)) / (2 * h);
  EXPECT_NEAR(g.now()[30], dot(a, b, back, 1, 6) * slope, 1e-5);
}

TEST_F(Product, SumsOfOperands) {
  Array a(device, m * k, 0), b(device, k * n, 1), y(device, m * n, 2),
      ofA(device, m, 3), ofB(device, n, 4);
  etch_product_t p = product(y, a, b);
  p.a_strides[1] = 1; // as a gradient is, whose sums are a bias's
  p.a_strides[2] = m;
  for (int of : {1, 2}) {
    p.bias_grad_of = of;
    p.bias_grad = of == 1 ? ofB.there : ofA.there;
    EXPECT_EQ(run(p), ETCH_DONE | ETCH_DONE_BIAS_GRAD);
    EXPECT_NEAR(y.now()[30], dot(a, b, p, 1, 6), 1e-5);
  }
  double rows = 0, columns = 0;
  for (int64_t l = 0; l < k; ++l) {
    rows += double(a.host[size_t(l * m + 2)]);
    columns += double(b.host[size_t(l * n + 6)]);
  }
  EXPECT_NEAR(ofA.now()[2], rows, 1e-5);
  EXPECT_NEAR(ofB.now()[6], columns, 1e-5);
}

TEST_F(Product, WhatIsStoredAsBfloat16) {
  // The bits of two numbers of 16 bits in the place of one of 32.
  auto halves = [](Array &array) {
    std::vector<uint16_t> bits(array.host.size() * 2);
    for (size_t i = 0; i < array.host.size(); ++i) {
      uint32_t all;
      memcpy(&all, &array.host[i], 4);
      bits[i] = uint16_t(all >> 16);
      all &= 0xffff0000u;
      memcpy(&array.host[i], &all, 4);
    }
    EXPECT_EQ(etch_device_copy_in(array.device, array.there, bits.data(),
                                  array.host.size() * 4),
              ETCH_OK);
  };
  auto half = [](const std::vector<float> &values, size_t i) {
    uint16_t bits;
    memcpy(&bits, reinterpret_cast<const char *>(values.data()) + 2 * i, 2);
    uint32_t all = uint32_t(bits) << 16;
    float value;
    memcpy(&value, &all, 4);
    return double(value);
  };
  Array a(device, m * k, 0), b(device, k * n, 1), y(device, m * n, 2),
      bias(device, n, 3), sums(device, n, 4);
  halves(a);
  halves(b);
  etch_product_t p = product(y, a, b);
  p.precision = ETCH_PRECISION_BF16;
  p.stored = ETCH_A_BF16 | ETCH_B_BF16;
  p.bias = bias.there;
  EXPECT_EQ(run(p), ETCH_DONE);
  EXPECT_NEAR(y.now()[30], dot(a, b, p, 1, 6) + double(bias.host[6]), 1e-5);
  // The sums of b's columns, as f32.
  p.bias = nullptr;
  p.bias_grad = sums.there;
  p.bias_grad_of = 1;
  EXPECT_EQ(run(p), ETCH_DONE | ETCH_DONE_BIAS_GRAD);
  double sum = 0;
  for (int64_t l = 0; l < k; ++l)
    sum += double(b.host[size_t(l * n + 6)]);
  EXPECT_NEAR(sums.now()[6], sum, 1e-5);
  // A result of bfloat16 has vectors of its type, or none.
  p.stored |= ETCH_Y_BF16;
  EXPECT_EQ(run(p), ETCH_DONE);
  p.bias_grad = nullptr;
  p.bias = bias.there;
  EXPECT_EQ(run(p), 0);
  halves(bias);
  p.stored |= ETCH_BIAS_BF16;
  p.activation = ETCH_RELU;
  EXPECT_EQ(run(p), ETCH_DONE);
  double expected = std::max(0.0, dot(a, b, p, 1, 6) + double(bias.host[6]));
  EXPECT_NEAR(half(y.now(), 30), expected, 0x1p-8 * std::abs(expected) + 1e-6);
  // Operands of two types are nothing that it knows.
  p.stored = ETCH_A_BF16;
  EXPECT_EQ(run(p), 0);
}

TEST_F(Product, WhatIsRequiredIsDoneOrNothingIs) {
  Array a(device, m * k, 0), b(device, k * n, 1), y(device, m * n, 2),
      z(device, m * n, 4), sums(device, n, 3);
  etch_product_t p = product(y, a, b);
  p.activation = ETCH_GELU;
  p.aux = z.there;
  p.required = ETCH_DONE_AUX;
  EXPECT_EQ(run(p), ETCH_DONE | ETCH_DONE_AUX);
  // Its argument is kept in rows of eight numbers.
  p.n = 20;
  EXPECT_EQ(run(p), 0);
  p.required = 0;
  EXPECT_EQ(run(p), ETCH_DONE);
  // The sums would go where an operand is.
  etch_product_t back = product(y, a, b);
  back.activation = ETCH_GELU_GRAD;
  back.aux = z.there;
  back.bias_grad = a.there;
  back.required = ETCH_DONE_BIAS_GRAD;
  EXPECT_EQ(run(back), 0);
  back.bias_grad = sums.there;
  EXPECT_EQ(run(back), ETCH_DONE | ETCH_DONE_BIAS_GRAD);
  // So would the result of what comes behind a product.
  back.y = b.there;
  EXPECT_EQ(run(back), 0);
  EXPECT_EQ(b.now(), b.host);
}

TEST_F(Product, SumsOfAnOperand) {
  Array a(device, m * k, 0), b(device, k * n, 1), y(device, m * n, 2),
      sums(device, n, 3);
  etch_product_t p = product(y, a, b);
  p.bias_grad = sums.there;
  p.bias_grad_of = 1;
  EXPECT_EQ(run(p), ETCH_DONE | ETCH_DONE_BIAS_GRAD);
  for (int64_t j = 0; j < n; ++j) {
    double sum = 0;
    for (int64_t l = 0; l < k; ++l)
      sum += double(b.host[size_t(l * n + j)]);
    EXPECT_NEAR(sums.now()[size_t(j)], sum, 1e-5);
  }
  // Where the sums go is read by the product: that comes first, alone.
  p.bias_grad = a.there;
  EXPECT_EQ(run(p), ETCH_DONE);
  EXPECT_EQ(a.now(), a.host);
}

TEST_F(Product, PrecisionIsChosen) {
  Array a(device, m * k, 0), b(device, k * n, 1), y(device, m * n, 2);
  etch_product_t p = product(y, a, b);
  double errors[3] = {};
  for (int precision = 0; precision < 3; ++precision) {
    p.precision = precision;
    EXPECT_EQ(run(p), ETCH_DONE);
    std::vector<float> values = y.now();
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        errors[precision] = std::max(
            errors[precision],
            std::abs(double(values[size_t(i * n + j)]) - dot(a, b, p, i, j)));
  }
  EXPECT_LT(errors[0], 1e-6);
  EXPECT_GT(errors[1], 1e-5);
  EXPECT_GT(errors[2], errors[1]);
  EXPECT_LT(errors[2], 0.05);
}

TEST_F(Product, GraphsHoldThem) {
  Array a(device, m * k, 0), b(device, k * n, 1), y(device, m * n, 2);
  etch_product_t p = product(y, a, b);
  etch_device_graph_t *graph = nullptr;
  ASSERT_EQ(etch_device_capture_begin(device), ETCH_OK);
  EXPECT_EQ(run(p), 0) << "plans are made before";
  ASSERT_EQ(etch_device_capture_end(device, &graph), ETCH_OK);
  etch_device_graph_destroy(graph);
  EXPECT_EQ(run(p), ETCH_DONE);
  std::vector<float> expected = y.now();
  ASSERT_EQ(etch_device_capture_begin(device), ETCH_OK);
  EXPECT_EQ(run(p), ETCH_DONE);
  ASSERT_EQ(etch_device_capture_end(device, &graph), ETCH_OK);
  ASSERT_EQ(etch_device_clear(device, y.there, m * n * 4), ETCH_OK);
  ASSERT_EQ(etch_device_graph_launch(device, graph), ETCH_OK);
  EXPECT_EQ(y.now(), expected);
  etch_device_graph_destroy(graph);
}

TEST_F(Product, FailuresNameTheOperation) {
  Array a(device, m * k, 0), b(device, k * n, 1), y(device, m * n, 2);
  etch_product_t p = product(y, a, b);
  int32_t done = 0;
  etch_fake_fail("cublasLtMatmul", 13, 0);
  EXPECT_EQ(etch_device_product(device, &p, &done), ETCH_ERROR_DEVICE);
  EXPECT_STREQ(etch_last_error(),
               "cuBLASLt cannot do the product of operation 3, (5, 7) by (7, "
               "24): status 13");
  // No way to do it: our kernels do.
  p.precision = ETCH_PRECISION_TF32;
  etch_fake_fail("cublasLtMatmulAlgoGetHeuristic", 15, 0);
  EXPECT_EQ(run(p), 0);
  EXPECT_EQ(run(p), 0) << "it is not asked again";
}

TEST(Products, WithoutAHandleThereAreNone) {
  etch_device_t *device = nullptr;
  ASSERT_EQ(etch_device_open(0, &device), ETCH_OK);
  {
    Array a(device, 4, 0), b(device, 4, 1), y(device, 4, 2);
    etch_product_t p = {};
    p.y = y.there;
    p.a = a.there;
    p.b = b.there;
    p.batch = 1;
    p.m = p.n = p.k = 2;
    p.a_strides[1] = p.b_strides[1] = 2;
    p.a_strides[2] = p.b_strides[2] = 1;
    p.dtype = ETCH_F32;
    int32_t done = 0;
    etch_fake_fail("cublasLtCreate", 1, 0);
    EXPECT_EQ(etch_device_product(device, &p, &done), ETCH_OK);
    EXPECT_EQ(done, 0);
    EXPECT_EQ(etch_device_product(device, &p, &done), ETCH_OK);
    EXPECT_EQ(done, 0);
  }
  etch_device_close(device);
}

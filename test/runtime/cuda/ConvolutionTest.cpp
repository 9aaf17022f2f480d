//===- ConvolutionTest.cpp - Convolutions by cuDNN, on a fake one ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/runtime/cuda/FakeDriver.h"

#include "etch/device.h"
#include "etch/host.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace {

struct Convolution : testing::Test {
  etch_device_t *device = nullptr;
  std::vector<float> x, w, y, bias;
  etch_convolution_t c = {};

  void SetUp() override {
    ASSERT_STREQ(etch_convolutions_unavailable(), "");
    ASSERT_EQ(etch_device_open(0, &device), ETCH_OK) << etch_last_error();
    int64_t images[4] = {2, 4, 7, 6}, filters[4] = {6, 2, 3, 2},
            results[4] = {2, 6, 4, 7};
    for (int i = 0; i < 4; ++i) {
      c.x_extents[i] = images[i];
      c.w_extents[i] = filters[i];
      c.y_extents[i] = results[i];
    }
    c.stride[0] = 2, c.stride[1] = 1;
    c.pad[0] = c.pad[1] = 1;
    c.dilation[0] = c.dilation[1] = 1;
    c.groups = 2;
    c.dtype = ETCH_F32;
    c.site = 5;
    c.x = put(x, 2 * 4 * 7 * 6, 0);
    c.w = put(w, 6 * 2 * 3 * 2, 1);
    c.y = put(y, 2 * 6 * 4 * 7, 2);
    c.bias = put(bias, 6, 3);
  }
  void TearDown() override { etch_device_close(device); }

  void *put(std::vector<float> &values, size_t count, float first) {
    for (size_t i = 0; i < count; ++i)
      values.push_back(std::sin(first + 1.7f * float(i)));
    void *memory = nullptr;
    EXPECT_EQ(etch_device_alloc(device, count * 4, &memory), ETCH_OK);
    EXPECT_EQ(etch_device_copy_in(device, memory, values.data(), count * 4),
              ETCH_OK);
    return memory;
  }
  std::vector<float> get(const void *memory, size_t count) {
    std::vector<float> values(count);
    EXPECT_EQ(etch_device_copy_out(device, values.data(), memory, count * 4),
              ETCH_OK)
        << etch_last_error();
    return values;
  }
  int32_t run() {
    int32_t done = 0;
    EXPECT_EQ(etch_device_convolution(device, &c, &done), ETCH_OK)
        << etch_last_error();
    return done;
  }
  /// Visits what meets: indices in x, w, y.
  template <class F> void meet(F f) {
    for (size_t n = 0; n < 2; ++n)
      for (size_t o = 0; o < 6; ++o)
        for (int i = 0; i < 4; ++i)
          for (int j = 0; j < 7; ++j)
            for (size_t ch = 0; ch < 2; ++ch)
              for (int k = 0; k < 3; ++k)
                for (int l = 0; l < 2; ++l) {
                  int h = 2 * i + k - 1, v = j + l - 1;
                  if (h >= 0 && h < 7 && v >= 0 && v < 6)
                    f(((n * 4 + o / 3 * 2 + ch) * 7 + size_t(h)) * 6 +
                          size_t(v),
                      ((o * 2 + ch) * 3 + size_t(k)) * 2 + size_t(l),
                      ((n * 6 + o) * 4 + size_t(i)) * 7 + size_t(j));
                }
  }
  void expect(const void *memory, const std::vector<double> &expected) {
    std::vector<float> found = get(memory, expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], expected[i], 1e-5) << i;
  }
};

} // namespace

TEST_F(Convolution, ForwardWithBiasAndRelu) {
  for (bool biased : {true, false})
    for (int activation : {ETCH_NO_ACTIVATION, ETCH_RELU}) {
      const void *kept = c.bias;
      if (!biased)
        c.bias = nullptr;
      c.activation = activation;
      EXPECT_EQ(run(), ETCH_DONE);
      std::vector<double> sums(y.size());
      meet([&](size_t a, size_t b, size_t r) {
        sums[r] += double(x[a]) * double(w[b]);
      });
      for (size_t i = 0; i < sums.size(); ++i) {
        sums[i] += biased ? double(bias[i / 28 % 6]) : 0;
        if (activation && sums[i] < 0)
          sums[i] = 0;
      }
      expect(c.y, sums);
      c.bias = kept;
    }
}

TEST_F(Convolution, Gradients) {
  c.bias = nullptr;
  c.kind = ETCH_CONVOLUTION_OF_DATA;
  EXPECT_EQ(run(), ETCH_DONE);
  std::vector<double> data(x.size()), weights(w.size());
  meet([&](size_t a, size_t b, size_t r) {
    data[a] += double(y[r]) * double(w[b]);
    weights[b] += double(x[a]) * double(y[r]);
  });
  expect(c.x, data);
  etch_device_copy_in(device, c.x, x.data(), x.size() * 4);
  c.kind = ETCH_CONVOLUTION_OF_WEIGHTS;
  EXPECT_EQ(run(), ETCH_DONE);
  expect(c.w, weights);
}

TEST_F(Convolution, ChannelsLast) {
  // The same arrays, laid out anew; the result, laid back.
  auto last = [](const std::vector<float> &v, const int64_t (&e)[4],
                 bool back) {
    std::vector<float> out(v.size());
    size_t row = 0;
    for (int64_t n = 0; n < e[0]; ++n)
      for (int64_t c = 0; c < e[1]; ++c)
        for (int64_t h = 0; h < e[2]; ++h)
          for (int64_t w = 0; w < e[3]; ++w, ++row) {
            auto other = size_t(((n * e[2] + h) * e[3] + w) * e[1] + c);
            (back ? out[row] : out[other]) = back ? v[other] : v[row];
          }
    return out;
  };
  for (int kind : {ETCH_CONVOLUTION, ETCH_CONVOLUTION_OF_DATA,
                   ETCH_CONVOLUTION_OF_WEIGHTS}) {
    const void *kept = c.bias;
    c.kind = kind;
    if (kind)
      c.bias = nullptr;
    auto lay = [&](bool channelsLast) {
      c.form = channelsLast ? ETCH_CHANNELS_LAST : 0;
      struct {
        void *memory;
        const std::vector<float> &values;
        const int64_t (&extents)[4];
      } all[] = {
          {c.x, x, c.x_extents}, {c.w, w, c.w_extents}, {c.y, y, c.y_extents}};
      for (auto &each : all) {
        std::vector<float> v =
            channelsLast ? last(each.values, each.extents, false) : each.values;
        etch_device_copy_in(device, each.memory, v.data(), v.size() * 4);
      }
      EXPECT_EQ(run(), ETCH_DONE);
      auto &result = all[kind == 0 ? 2 : kind == 1 ? 0 : 1];
      std::vector<float> v = get(result.memory, result.values.size());
      return channelsLast ? last(v, result.extents, true) : v;
    };
    std::vector<float> rows = lay(false), channels = lay(true);
    ASSERT_EQ(rows.size(), channels.size());
    for (size_t i = 0; i < rows.size(); ++i)
      EXPECT_NEAR(rows[i], channels[i], 1e-5) << kind << ", " << i;
    c.bias = kept;
  }
}

TEST_F(Convolution, StoredAsBfloat16) {
  auto rounded = [&](void *memory, const std::vector<float> &values) {
    std::vector<uint16_t> bits;
    for (float v : values)
      bits.push_back(uint16_t(std::bit_cast<uint32_t>(v) >> 16));
    etch_device_copy_in(device, memory, bits.data(), bits.size() * 2);
  };
  rounded(c.x, x);
  rounded(c.w, w);
  rounded(const_cast<void *>(c.bias), bias);
  c.precision = ETCH_PRECISION_BF16;
  c.form = ETCH_STORED_BF16;
  EXPECT_EQ(run(), ETCH_DONE);
  std::vector<uint16_t> bits(y.size());
  EXPECT_EQ(etch_device_copy_out(device, bits.data(), c.y, bits.size() * 2),
            ETCH_OK);
  std::vector<double> sums(y.size());
  meet([&](size_t a, size_t b, size_t r) {
    sums[r] += double(x[a]) * double(w[b]);
  });
  for (size_t i = 0; i < sums.size(); ++i) {
    float found = std::bit_cast<float>(uint32_t(bits[i]) << 16);
    EXPECT_NEAR(found, sums[i] + double(bias[i / 28 % 6]), 0.06) << i;
  }
  c.dtype = ETCH_F64;
  EXPECT_EQ(run(), 0);
}

TEST_F(Convolution, WhatItDoesNotKnowIsLeftAlone) {
  c.dtype = ETCH_I32;
  EXPECT_EQ(run(), 0);
  c.dtype = ETCH_F32;
  c.x_extents[0] = 0;
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(get(c.y, y.size()), y);
}

TEST_F(Convolution, WithoutAPlanThereIsNone) {
  etch_fake_fail("cudnnPlan", 3000, 0);
  EXPECT_EQ(run(), ETCH_DONE) << "the next configuration";
  c.activation = ETCH_RELU;
  ASSERT_EQ(etch_device_capture_begin(device), ETCH_OK);
  EXPECT_EQ(run(), 0) << "plans are made before";
  etch_device_graph_t *graph = nullptr;
  ASSERT_EQ(etch_device_capture_end(device, &graph), ETCH_OK);
  etch_device_graph_destroy(graph);
}

TEST_F(Convolution, FailuresNameTheOperation) {
  etch_fake_fail("cudnnBackendExecute", 5000, 0);
  int32_t done = 0;
  EXPECT_EQ(etch_device_convolution(device, &c, &done), ETCH_ERROR_DEVICE);
  EXPECT_STREQ(etch_last_error(),
               "cuDNN cannot do the convolution of operation 5: status 5000");
}

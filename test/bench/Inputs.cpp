//===- Inputs.cpp - Arrays that all systems can make, and their traces ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/bench/Bench.h"

#include <cmath>

#include <etch/etch.h>

using namespace etch;
using namespace etch::bench;

int64_t Input::size() const {
  int64_t size = 1;
  for (int64_t extent : shape)
    size *= extent;
  return size;
}

Input etch::bench::weight(std::vector<int64_t> shape, double gain) {
  if (shape.size() == 1)
    return {std::move(shape), "f32", 0.25};
  double fan = shape.size() == 2 ? double(shape[0]) : 1;
  for (size_t d = 1; shape.size() == 4 && d < 4; ++d)
    fan *= double(shape[d]);
  return {std::move(shape), "f32", std::sqrt(gain / fan)};
}

/// 32 bits for element i of input `ordinal`.
static uint32_t hash(int64_t i, size_t ordinal) {
  uint32_t h = uint32_t(i) * 2654435761u + uint32_t(ordinal + 1) * 0x9E3779B9u;
  h ^= h >> 15;
  h *= 2246822519u;
  h ^= h >> 13;
  return h;
}

void etch::bench::fillInput(float *data, int64_t size, double scale,
                            size_t ordinal) {
  for (int64_t i = 0; i < size; ++i)
    data[i] = (float(hash(i, ordinal) >> 8) * 0x1p-24f - 0.5f) * float(scale);
}

Variable etch::bench::makeInput(const Input &input, size_t ordinal) {
  int64_t size = input.size();
  Shape shape{std::span<const int64_t>(input.shape)};
  if (input.type == "i64") {
    std::vector<int64_t> data(static_cast<size_t>(size));
    for (int64_t i = 0; i < size; ++i)
      data[size_t(i)] = int64_t(hash(i, ordinal)) % int64_t(input.scale);
    return from_data(std::span<const int64_t>(data), shape);
  }
  if (input.type == "f64") {
    std::vector<double> data(static_cast<size_t>(size));
    for (int64_t i = 0; i < size; ++i)
      data[size_t(i)] =
          (double(hash(i, ordinal) >> 8) * 0x1p-24 - 0.5) * input.scale;
    return from_data(std::span<const double>(data), shape);
  }
  std::vector<float> data(static_cast<size_t>(size));
  fillInput(data.data(), size, input.scale, ordinal);
  return from_data(std::span<const float>(data), shape);
}

template <class T>
static std::vector<double> sampleOf(const T *data, int64_t size) {
  constexpr int64_t places = 8;
  double magnitude = 0;
  for (int64_t i = 0; i < size; ++i)
    magnitude += std::fabs(double(data[i]));
  std::vector<double> numbers = {
      double(size), magnitude / double(std::max<int64_t>(size, 1))};
  for (int64_t i = 0; i < places && size; ++i)
    numbers.push_back(double(data[(2 * i + 1) * size / (2 * places)]));
  return numbers;
}

std::vector<double> etch::bench::sample(const float *data, int64_t size) {
  return sampleOf(data, size);
}

std::vector<double> etch::bench::sample(const Variable &result) {
  std::vector<double> values = result.astype(f64).to_vector<double>();
  return sampleOf(values.data(), int64_t(values.size()));
}

std::vector<double> etch::bench::sample(const Variables &results) {
  std::vector<double> numbers;
  for (const Variable &result : results)
    for (double number : sample(result))
      numbers.push_back(number);
  return numbers;
}

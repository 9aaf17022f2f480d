//===- Linear.cpp - x W + b -----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/array.h"
#include "etch/functions.h"
#include "etch/layers.h"
#include "etch/random.h"
#include "frontend/engine/Engine.h"

#include <cmath>

namespace etch {

Linear::Linear(int64_t out_size, const LinearOptions &options)
    : out_size(out_size), options(options) {
  setup();
}

Linear::Linear(Layer &owner, std::string name, int64_t out_size,
               const LinearOptions &options)
    : Layer(owner, std::move(name)), out_size(out_size), options(options) {
  setup();
}

void Linear::setup() {
  if (out_size < 1 || options.in_size < 0)
    throw ValueError("Linear: sizes must be positive: in " +
                     std::to_string(options.in_size) + ", out " +
                     std::to_string(out_size));
  if (!is_floating(options.dtype))
    throw DTypeError(std::string("Linear: weights are floating-point, not ") +
                     name_of(options.dtype));
  add_param("W", W);
  if (!options.nobias) {
    add_param("b", b);
    detail::RecordingScope suspended(nullptr);
    init_param(b, zeros({out_size}, {.dtype = options.dtype}));
  }
  if (options.in_size)
    draw(options.in_size);
}

// The product is taken in the weights' own precision, as NumPy does for an
// array of that type and a number.
void Linear::draw(int64_t in_size) {
  detail::RecordingScope suspended(nullptr);
  Shape shape{in_size, out_size};
  Variable normal = random::randn(shape);
  double scale = std::sqrt(1.0 / double(in_size));
  std::span<const double> draws = normal.span<const double>();
  if (options.dtype == f32) {
    std::vector<float> values(draws.begin(), draws.end());
    for (float &v : values)
      v *= float(scale);
    init_param(W, from_data(std::span<const float>(values), shape));
  } else {
    std::vector<double> values(draws.begin(), draws.end());
    for (double &v : values)
      v *= scale;
    init_param(W, from_data(std::span<const double>(values), shape));
  }
}

Variable Linear::forward(const Variable &x) {
  if (!W.defined()) {
    if (x.ndim() == 0)
      throw ShapeError("Linear: the input needs at least one axis, it is ()",
                       Location().in_user_code());
    draw(x.shape(-1));
  }
  return b.defined() ? linear(x, W, b) : linear(x, W);
}

} // namespace etch

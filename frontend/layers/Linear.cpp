//===- Linear.cpp - x W + b -----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/array.h"
#include "etch/functions.h"
#include "etch/layers.h"
#include "frontend/engine/Engine.h"
#include "frontend/layers/Draw.h"

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

void Linear::draw(int64_t in_size) {
  init_param(W, detail::draw_normal({in_size, out_size},
                                    std::sqrt(1.0 / double(in_size)),
                                    options.dtype));
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

//===- Layers.cpp - BatchNorm, LayerNorm, EmbedID, Dropout ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/layers.h"
#include "etch/array.h"
#include "etch/random.h"
#include "frontend/engine/Engine.h"

namespace etch {

//===----------------------------------------------------------------------===//
// BatchNorm
//===----------------------------------------------------------------------===//

BatchNorm::BatchNorm(const BatchNormOptions &options) : options(options) {
  setup();
}

BatchNorm::BatchNorm(Layer &owner, std::string name,
                     const BatchNormOptions &options)
    : Layer(owner, std::move(name)), options(options) {
  setup();
}

void BatchNorm::setup() {
  add_param("gamma", gamma);
  add_param("beta", beta);
  add_state("avg_mean", avg_mean);
  add_state("avg_var", avg_var);
}

/// n numbers of x's type, or float64 for integers.
static ArrayOptions like(const Variable &x) {
  return {.dtype = is_floating(x.dtype()) ? x.dtype() : f64};
}

Variable BatchNorm::forward(const Variable &x) {
  if (!gamma.defined() || !avg_mean.defined()) {
    detail::RecordingScope suspended(nullptr);
    Shape channels{x.ndim() < 2 ? 1 : x.shape(1)};
    for (auto [p, initial] :
         {std::pair(&gamma, 1.0), std::pair(&beta, 0.0),
          std::pair(&avg_mean, 0.0), std::pair(&avg_var, 1.0)})
      if (!p->defined())
        init_param(*p, full(channels, initial, like(x)));
  }
  for (Parameter *p : {&avg_mean, &avg_var})
    if (p->requires_grad())
      p->set_requires_grad(false);
  return batch_norm(x, gamma, beta, avg_mean, avg_var, options);
}

//===----------------------------------------------------------------------===//
// LayerNorm
//===----------------------------------------------------------------------===//

LayerNorm::LayerNorm(const LayerNormOptions &options) : options(options) {
  setup();
}

LayerNorm::LayerNorm(Layer &owner, std::string name,
                     const LayerNormOptions &options)
    : Layer(owner, std::move(name)), options(options) {
  setup();
}

void LayerNorm::setup() {
  add_param("gamma", gamma);
  add_param("beta", beta);
}

Variable LayerNorm::forward(const Variable &x) {
  if (x.ndim() == 0)
    throw ShapeError("LayerNorm: the input needs at least one axis, it is ()",
                     Location().in_user_code());
  if (!gamma.defined() || !beta.defined()) {
    detail::RecordingScope suspended(nullptr);
    Shape last{x.shape(-1)};
    if (!gamma.defined())
      init_param(gamma, ones(last, like(x)));
    if (!beta.defined())
      init_param(beta, zeros(last, like(x)));
  }
  return layer_norm(x, gamma, beta, options.eps);
}

//===----------------------------------------------------------------------===//
// EmbedID
//===----------------------------------------------------------------------===//

EmbedID::EmbedID(int64_t words, int64_t size, const EmbedOptions &options) {
  setup(words, size, options.dtype);
}

EmbedID::EmbedID(Layer &owner, std::string name, int64_t words, int64_t size,
                 const EmbedOptions &options)
    : Layer(owner, std::move(name)) {
  setup(words, size, options.dtype);
}

void EmbedID::setup(int64_t words, int64_t size, DType dtype) {
  if (words < 1 || size < 1)
    throw ValueError(
        "EmbedID: sizes must be positive: " + std::to_string(words) +
        " words of " + std::to_string(size));
  if (!is_floating(dtype))
    throw DTypeError(std::string("EmbedID: weights are floating-point, not ") +
                     name_of(dtype));
  add_param("W", W);
  detail::RecordingScope suspended(nullptr);
  init_param(W, random::randn({words, size}).astype(dtype));
}

Variable EmbedID::forward(const Variable &indices) {
  return embed_id(indices, W);
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

Variable Dropout::forward(const Variable &x) { return dropout(x, ratio); }

} // namespace etch

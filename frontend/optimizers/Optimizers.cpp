//===- Optimizers.cpp - updates of single parameters ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/optimizers.h"

#include "frontend/optimizers/Update.h"

#include <array>

namespace etch {

// The step is formed in double, so that a rate such as 0.2 is not rounded to
// the parameter's type first: over thousands of steps that shows.
void SGD::update_one(Variable w, const Variable &g) {
  DType own = w.dtype();
  detail::update(
      [&](const auto &w, const auto &g) {
        return std::array{w - astype(lr * astype(g, f64), own)};
      },
      w, g);
}

void MomentumSGD::update_one(Variable w, const Variable &g) {
  detail::update(
      [&](const auto &v, const auto &w, const auto &g) {
        auto step = momentum * v - lr * g;
        return std::array{step, w + step};
      },
      state_of(w, "v"), w, g);
}

void AdaGrad::update_one(Variable w, const Variable &g) {
  detail::update(
      [&](const auto &h, const auto &w, const auto &g) {
        auto sum = h + g * g;
        return std::array{sum, w - lr * g / (sqrt(sum) + eps)};
      },
      state_of(w, "h"), w, g);
}

void AdaDelta::update_one(Variable w, const Variable &g) {
  Variable &g2 = state_of(w, "g2"), &d2 = state_of(w, "d2");
  detail::update(
      [&](const auto &g2, const auto &d2, const auto &w, const auto &g) {
        auto mean = rho * g2 + (1 - rho) * g * g;
        auto d = sqrt((d2 + eps) / (mean + eps)) * g;
        return std::array{mean, rho * d2 + (1 - rho) * d * d, w - d};
      },
      g2, d2, w, g);
}

void Adam::update_all(const Variables &params) {
  Variable &power1 = shared_state("beta1_power", 1.0);
  Variable &power2 = shared_state("beta2_power", 1.0);
  power1.assign(power1 * beta1);
  power2.assign(power2 * beta2);
  rate = lr * sqrt(1 - power2) / (1 - power1);
  Optimizer::update_all(params);
  rate = Variable();
}

void Adam::update_one(Variable w, const Variable &g) {
  Variable &m = state_of(w, "m"), &v = state_of(w, "v");
  detail::update(
      [&](const auto &m, const auto &v, const auto &w, const auto &g,
          const auto &rate) {
        auto mean = m + (1 - beta1) * (g - m);
        auto square = v + (1 - beta2) * (g * g - v);
        return std::array{mean, square, w - rate * mean / (sqrt(square) + eps)};
      },
      m, v, w, g, detail::spread(rate, w));
}

void AdamW::update_all(const Variables &params) {
  Variable &power1 = shared_state("beta1_power", 1.0);
  Variable &power2 = shared_state("beta2_power", 1.0);
  power1.assign(power1 * beta1);
  power2.assign(power2 * beta2);
  rate = lr / (1 - power1);
  root = sqrt(1 - power2);
  Optimizer::update_all(params);
  rate = root = Variable();
}

void AdamW::update_one(Variable w, const Variable &g) {
  Variable &m = state_of(w, "m"), &v = state_of(w, "v");
  detail::update(
      [&](const auto &m, const auto &v, const auto &w, const auto &g,
          const auto &rate, const auto &root) {
        auto mean = m + (1 - beta1) * (g - m);
        auto square = v + (1 - beta2) * (g * g - v);
        auto step = mean / (sqrt(square) / root + eps);
        return std::array{mean, square,
                          w * (1 - lr * weight_decay) - rate * step};
      },
      m, v, w, g, detail::spread(rate, w), detail::spread(root, w));
}

void RMSprop::update_one(Variable w, const Variable &g) {
  detail::update(
      [&](const auto &v, const auto &w, const auto &g) {
        auto square = alpha * v + (1 - alpha) * g * g;
        return std::array{square, w - lr * g / (sqrt(square) + eps)};
      },
      state_of(w, "v"), w, g);
}

} // namespace etch

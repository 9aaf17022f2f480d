//===- Optimizers.cpp - updates of single parameters ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/optimizers.h"

#include "etch/functions.h"

namespace etch {

// The step is formed in double, so that a rate such as 0.2 is not rounded to
// the parameter's type first: over thousands of steps that shows.
void SGD::update_one(Variable w, const Variable &g) {
  w.assign(w - (lr * g.astype(f64)).astype(w.dtype()));
}

void MomentumSGD::update_one(Variable w, const Variable &g) {
  Variable &v = state_of(w, "v");
  v.assign(momentum * v - lr * g);
  w.assign(w + v);
}

void AdaGrad::update_one(Variable w, const Variable &g) {
  Variable &h = state_of(w, "h");
  h.assign(h + g * g);
  w.assign(w - lr * g / (sqrt(h) + eps));
}

void AdaDelta::update_one(Variable w, const Variable &g) {
  Variable &g2 = state_of(w, "g2"), &d2 = state_of(w, "d2");
  g2.assign(rho * g2 + (1 - rho) * g * g);
  Variable d = sqrt((d2 + eps) / (g2 + eps)) * g;
  d2.assign(rho * d2 + (1 - rho) * d * d);
  w.assign(w - d);
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
  m.assign(m + (1 - beta1) * (g - m));
  v.assign(v + (1 - beta2) * (g * g - v));
  w.assign(w - rate.astype(w.dtype()) * m / (sqrt(v) + eps));
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
  m.assign(m + (1 - beta1) * (g - m));
  v.assign(v + (1 - beta2) * (g * g - v));
  Variable step = m / (sqrt(v) / root.astype(w.dtype()) + eps);
  w.assign(w * (1 - lr * weight_decay) - rate.astype(w.dtype()) * step);
}

void RMSprop::update_one(Variable w, const Variable &g) {
  Variable &v = state_of(w, "v");
  v.assign(alpha * v + (1 - alpha) * g * g);
  w.assign(w - lr * g / (sqrt(v) + eps));
}

} // namespace etch

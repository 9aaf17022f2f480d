//===- Optimizer.cpp - Parameters, their state, hooks ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/optimizers.h"

#include "etch/array.h"
#include "etch/functions.h"
#include "frontend/engine/Engine.h"

namespace etch {

Optimizer::~Optimizer() = default;

void Optimizer::update(SourceLocation l) {
  LocationScope scope(l);
  NoGrad no_grad;
  update_all(with_gradients());
}

Variables Optimizer::with_gradients() const {
  if (!target)
    throw ValueError("update: the optimizer has no target, call setup(model)",
                     Location().in_user_code());
  NoGrad no_grad;
  Variables params = target->params();
  auto keep_those_with_gradient = [&] {
    std::erase_if(params,
                  [](const Variable &p) { return !p.grad().defined(); });
  };
  keep_those_with_gradient();
  for (const Hook &hook : hooks) {
    hook(params);
    keep_those_with_gradient();
  }
  return params;
}

void Optimizer::update_all(const Variables &params) {
  for (const Variable &p : params)
    update_one(p, p.grad());
}

// State is made outside of a program that is being recorded: the program takes
// it as an input from its first call on.
Variable &Optimizer::state_of(const Variable &param, const char *name) {
  Slot &slot = slots[param.node()];
  if (!slot.param.defined())
    slot.param = param;
  auto [entry, is_new] = slot.arrays.try_emplace(name);
  Variable &state = entry->second;
  if (is_new) {
    detail::RecordingScope suspended(nullptr);
    state = zeros(param.shape(), {.dtype = param.dtype()}).to(param.device());
    state.set_requires_grad(false);
    if (!param.name().empty())
      state.set_name("optimizer/" + std::string(name) + "/" + param.name());
  }
  return state;
}

Variable &Optimizer::shared_state(const char *name, double initial) {
  auto [entry, is_new] = shared.try_emplace(name);
  Variable &state = entry->second;
  if (is_new) {
    detail::RecordingScope suspended(nullptr);
    state = full({}, initial);
    state.set_requires_grad(false);
    state.set_name("optimizer/" + std::string(name));
  }
  return state;
}

std::map<std::string, Variable> Optimizer::state() const {
  std::map<std::string, Variable> all = shared;
  if (!target)
    return all;
  for (const Layer::Named &n : target->named_params()) {
    auto slot = slots.find(n.parameter->node());
    if (!n.parameter->defined() || slot == slots.end())
      continue;
    for (const auto &[name, array] : slot->second.arrays)
      all[name + "/" + n.path] = array;
  }
  return all;
}

void WeightDecay::operator()(const Variables &params) const {
  for (const Variable &p : params)
    p.set_grad(p.grad() + rate * p);
}

void ClipGrad::operator()(const Variables &params) const {
  Variable square;
  for (const Variable &p : params) {
    Variable g = p.grad();
    Variable own = sum(g * g);
    square = square.defined() ? square + own : own;
  }
  if (!square.defined())
    return;
  Variable scale = minimum(1.0, max_norm / (sqrt(square) + 1e-6));
  for (const Variable &p : params)
    p.set_grad(p.grad() * scale);
}

void FreezeParam::operator()(const Variables &params) const {
  for (const Target &t : targets) {
    if (t.layer)
      for (const Variable &p : t.layer->params())
        p.clear_grad();
    else if (t.parameter->defined())
      t.parameter->clear_grad();
  }
}

} // namespace etch

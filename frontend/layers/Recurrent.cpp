//===- Recurrent.cpp - RNN, LSTM ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/recurrent.h"

#include "etch/array.h"
#include "etch/functions.h"
#include "frontend/engine/Engine.h"

namespace etch {

// A recording takes the contents only, unless the value is one of its own; so
// does an eager step after a program has run, or has been taken back.
Variable Carried::get() const {
  if (!value.defined())
    return {};
  auto contents_of = [](const Variable &x) { return x.node()->value.get(); };
  detail::Recorder *recorder = detail::recorder();
  bool in_this_graph =
      recorder ? recorder->knows(value)
               : seen.defined() && contents_of(seen) == contents_of(storage);
  return in_this_graph ? value : storage;
}

void Carried::set(const Variable &next, const std::string &path) {
  value = next;
  if (!storage.defined()) {
    detail::RecordingScope suspended(nullptr);
    storage = zeros(next.shape(), {.dtype = next.dtype()});
    storage.set_requires_grad(false);
    storage.set_name(path.empty() ? name : path + "/" + name);
  }
  storage.assign(next);
  seen = detail::recorder() ? Variable() : storage.detach();
}

static LinearOptions to_hidden(const RecurrentOptions &o) {
  return {.nobias = false, .dtype = o.dtype, .in_size = o.in_size};
}
static LinearOptions within(const RecurrentOptions &o, int64_t size) {
  return {.nobias = true, .dtype = o.dtype, .in_size = size};
}

// The weights of h are drawn at the second step, or at once when the size of
// the input is given.
RNN::RNN(int64_t hidden_size, const RecurrentOptions &o)
    : x2h(*this, "x2h", hidden_size, to_hidden(o)),
      h2h(*this, "h2h", hidden_size, within(o, o.in_size ? hidden_size : 0)) {}

RNN::RNN(Layer &owner, std::string name, int64_t hidden_size,
         const RecurrentOptions &o)
    : Layer(owner, std::move(name)),
      x2h(*this, "x2h", hidden_size, to_hidden(o)),
      h2h(*this, "h2h", hidden_size, within(o, o.in_size ? hidden_size : 0)) {}

Variable RNN::next(const Variable &x, const Variable &h) {
  Variable a = x2h(x);
  return tanh(h.defined() ? a + h2h(h) : a);
}

Variable RNN::forward(const Variable &x) {
  Variable h = next(x, state.get());
  state.set(h, path());
  return h;
}

#define ETCH_LSTM_GATES(options)                                               \
  x2f(*this, "x2f", hidden_size, to_hidden(options)),                          \
      x2i(*this, "x2i", hidden_size, to_hidden(options)),                      \
      x2o(*this, "x2o", hidden_size, to_hidden(options)),                      \
      x2u(*this, "x2u", hidden_size, to_hidden(options)),                      \
      h2f(*this, "h2f", hidden_size, within(options, hidden_size)),            \
      h2i(*this, "h2i", hidden_size, within(options, hidden_size)),            \
      h2o(*this, "h2o", hidden_size, within(options, hidden_size)),            \
      h2u(*this, "h2u", hidden_size, within(options, hidden_size))

LSTM::LSTM(int64_t hidden_size, const RecurrentOptions &o)
    : ETCH_LSTM_GATES(o) {}

LSTM::LSTM(Layer &owner, std::string name, int64_t hidden_size,
           const RecurrentOptions &o)
    : Layer(owner, std::move(name)), ETCH_LSTM_GATES(o) {}

#undef ETCH_LSTM_GATES

void LSTM::reset_state() {
  hidden.reset();
  cell.reset();
}

void LSTM::set_state(const Variable &h, const Variable &c) {
  hidden.set(h, path());
  cell.set(c, path());
}

std::pair<Variable, Variable> LSTM::next(const Variable &x, const Variable &h,
                                         const Variable &c) {
  auto gate = [&](Linear &of_x, Linear &of_h) {
    Variable a = of_x(x);
    return h.defined() ? a + of_h(h) : a;
  };
  Variable f = sigmoid(gate(x2f, h2f));
  Variable i = sigmoid(gate(x2i, h2i));
  Variable o = sigmoid(gate(x2o, h2o));
  Variable u = tanh(gate(x2u, h2u));
  Variable cell = c.defined() ? f * c + i * u : i * u;
  return {o * tanh(cell), cell};
}

Variable LSTM::forward(const Variable &x) {
  auto [h, c] = next(x, hidden.get(), cell.get());
  set_state(h, c);
  return h;
}

} // namespace etch

//===- recurrent.h - Layers that remember their last step -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   struct SimpleRNN : Model {
//     RNN rnn{*this, "rnn", 100};
//     Linear fc{*this, "fc", 1};
//     Variable forward(const Variable &x) override { return fc(rnn(x)); }
//   };
//
// What a step hands to the next one keeps its history: backward() goes through
// all steps since the last loss.unchain_backward() or reset_state(). A compiled
// function begins with the contents that the last call left, as a state of the
// program: a call is a window, and no gradient flows into the one before.
//===----------------------------------------------------------------------===//
#ifndef ETCH_RECURRENT_H
#define ETCH_RECURRENT_H

#include "etch/layers.h"

namespace etch {

/// A value that goes from step to step. In the graph that it was computed in it
/// has its history; in other ones it is a leaf with the same contents.
class Carried {
public:
  /// `name` is that of the program's state.
  explicit Carried(std::string name) : name(std::move(name)) {}
  bool defined() const { return value.defined(); }
  /// The value of the last step; empty before the first one.
  Variable get() const;
  void set(const Variable &next, const std::string &path);
  void reset() { value = Variable(); }

private:
  Variable value;   ///< with its history
  Variable storage; ///< its contents, always the same array
  Variable seen;    ///< what an eager step has put there
  std::string name;
};

/// Options of RNN and LSTM.
struct RecurrentOptions {
  DType dtype = f32;   ///< of the weights
  int64_t in_size = 0; ///< 0: taken from the first input
};

/// h = tanh(x Wx + b + h Wh), (n, in) -> (n, hidden); the first step after
/// reset_state() is without h.
class RNN : public Layer {
public:
  explicit RNN(int64_t hidden_size, const RecurrentOptions &options = {});
  RNN(Layer &owner, std::string name, int64_t hidden_size,
      const RecurrentOptions &options = {});
  Variable forward(const Variable &x) override;
  /// The next h after this one, or without one; leaves the layer's own alone:
  /// what a loop does that carries h itself, such as scan().
  Variable next(const Variable &x, const Variable &h);
  /// Forgets all steps.
  void reset_state() { state.reset(); }
  /// The hidden state; empty before the first step.
  Variable h() const { return state.get(); }
  /// Goes on from this one, with its history.
  void set_state(const Variable &h) { state.set(h, path()); }

  Linear x2h, h2h;

private:
  Carried state{"h"};
};

/// Gates f, i, o = sigmoid(x W + b + h W) and u = tanh(x W + b + h W);
/// c = f c + i u;  h = o tanh(c). (n, in) -> (n, hidden); the first step after
/// reset_state() is without h and c.
class LSTM : public Layer {
public:
  explicit LSTM(int64_t hidden_size, const RecurrentOptions &options = {});
  LSTM(Layer &owner, std::string name, int64_t hidden_size,
       const RecurrentOptions &options = {});
  Variable forward(const Variable &x) override;
  /// The next h and c after these, or without any; leaves the layer's own
  /// alone: what a loop does that carries them itself, such as scan().
  std::pair<Variable, Variable> next(const Variable &x, const Variable &h,
                                     const Variable &c);
  /// Forgets all steps.
  void reset_state();
  /// The hidden state and the cell; empty before the first step.
  Variable h() const { return hidden.get(); }
  Variable c() const { return cell.get(); }
  /// Goes on from these, with their history.
  void set_state(const Variable &h, const Variable &c);

  Linear x2f, x2i, x2o, x2u, h2f, h2i, h2o, h2u;

private:
  Carried hidden{"h"}, cell{"c"};
};

} // namespace etch

#endif // ETCH_RECURRENT_H

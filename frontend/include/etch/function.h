//===- function.h - Operations that users write -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   struct Square : Function {
//     Variables forward(const Variables &xs) override {
//       return {xs[0] * xs[0]};
//     }
//     Variables backward(const Variables &gys) override {
//       return {2.0 * inputs()[0] * gys[0]};
//     }
//   };
//   Square square;
//   Variable y = square(x);
//===----------------------------------------------------------------------===//
#ifndef ETCH_FUNCTION_H
#define ETCH_FUNCTION_H

#include "etch/operand.h"

namespace etch {

namespace detail {
struct FunctionLife;
}

/// What a Function's call gives: the one result, or all of them.
class Outputs : public Variable {
public:
  Outputs(Variables results)
      : Variable(results.size() == 1 ? results[0] : Variable()),
        results(std::move(results)) {}
  operator Variables() const { return results; }
  size_t count() const { return results.size(); }
  /// Result i of several; the element or row i of a single one.
  Variable operator[](int64_t i) const;

private:
  Variables results;
};

/// An operation with a gradient of its own, written in terms of operations. An
/// object must outlive the graphs that it is part of. It may be called often;
/// what a call needs in backward is in inputs() and outputs().
class Function {
public:
  Function() = default;
  Function(const Function &) : Function() {}
  Function &operator=(const Function &) { return *this; }
  virtual ~Function();

  /// The results. Operations in here leave no graph behind.
  virtual Variables forward(const Variables &xs);
  /// One gradient per input (an empty Variable: none) from one per output.
  /// Differentiable itself, since it is made of operations.
  virtual Variables backward(const Variables &gys);
  /// Shown in graphs and messages: the class's name.
  virtual std::string name() const;

  Outputs operator()(Operand x);
  Outputs operator()(Operand x0, Operand x1);
  Outputs operator()(Operand x0, Operand x1, Operand x2);
  /// Any number of inputs. (A template, so that one result that is passed on,
  /// which converts to a list as well, is taken for a Variable.)
  template <std::same_as<Variables> List>
  Outputs operator()(const List &xs,
                     SourceLocation l = SourceLocation::current()) {
    return call(xs, l);
  }

protected:
  /// In backward(): the inputs and results of the call in question.
  const Variables &inputs() const;
  const Variables &outputs() const;

private:
  Variables call(const Variables &xs, const Location &where);

  friend struct FunctionAccess;
  const Variables *in = nullptr, *out = nullptr;
  detail::FunctionLife *life = nullptr; ///< tells graphs that it is gone
};

} // namespace etch

#endif // ETCH_FUNCTION_H

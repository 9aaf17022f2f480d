//===- functions.h - Functions of Variables ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All are differentiable, to any order, unless said otherwise. Errors are
// ShapeError, DTypeError and ValueError with the line of the call.
//===----------------------------------------------------------------------===//
#ifndef ETCH_FUNCTIONS_H
#define ETCH_FUNCTIONS_H

#include "etch/operators.h"

namespace etch {

namespace detail {
Variable clip_integers(const Variable &x, int64_t low, int64_t high,
                       const Location &where);
Variable pow_integer(const Variable &x, int64_t exponent,
                     const Location &where);
} // namespace detail

//===- Types and shapes ---------------------------------------------------===//

/// Conversion; floats become integers by truncation. Its gradient is cast back.
Variable astype(Operand x, DType dtype);
/// The same elements under another shape; one extent may be -1. x itself if the
/// shape is the same.
Variable reshape(Operand x, const Shape &shape);
/// Axes in another order: axis i of the result is axis axes[i] of x. Without
/// axes: in reverse order.
Variable transpose(Operand x, std::initializer_list<int> axes = {});
Variable transpose(Operand x, std::span<const int> axes);
/// Inserts an axis of extent 1 before axis `axis`; -1 is behind the last.
Variable expand_dims(Operand x, int axis);
/// Drops axes of extent 1: all, or those given (ShapeError if longer).
Variable squeeze(Operand x, const Axes &axes = {});
/// (N, …) as (N, rest).
Variable flatten(Operand x);
/// Repeats x along new leading axes and axes of extent 1.
Variable broadcast_to(Operand x, const Shape &shape);
/// Sums over the axes that broadcast_to would repeat: its adjoint.
Variable sum_to(Operand x, const Shape &shape);

//===- Joining and splitting ----------------------------------------------===//

/// Arrays one behind the other along an axis; stack() makes the axis.
Variable concat(const Variables &xs, int axis = 0,
                SourceLocation l = SourceLocation::current());
Variable stack(const Variables &xs, int axis = 0,
               SourceLocation l = SourceLocation::current());
/// Parts of these extents along an axis; together they are the axis.
Variables split(Operand x, const std::vector<int64_t> &sizes, int axis = 0);
/// `count` equal parts; ShapeError if they do not come out even.
Variables split(Operand x, int count, int axis = 0);
/// Elements of `value` before and behind each axis: {{0, 0}, {1, 2}}.
Variable pad(Operand x, const std::vector<std::pair<int64_t, int64_t>> &widths,
             double value = 0);
/// The elements in reverse order along these axes, all by default.
Variable flip(Operand x, const Axes &axes = {});
/// Moves the elements `shift` places on along an axis, the last ones to its
/// beginning.
Variable roll(Operand x, int64_t shift, int axis = 0);
/// x, counts[i] times along axis i; missing counts in front are 1.
Variable tile(Operand x, const std::vector<int64_t> &counts);
/// Every element along an axis `count` times in a row.
Variable repeat(Operand x, int64_t count, int axis = 0);
/// Rows of w (words, size) at integers of any shape.
Variable embed_id(Operand indices, const Variable &w);

//===- Reductions ---------------------------------------------------------===//

/// Sum of elements; of none it is 0. Booleans are counted as int64.
Variable sum(Operand x, const Reduce &options = {});
/// Integers give float64.
Variable mean(Operand x, const Reduce &options = {});
/// Largest and smallest element; all that are equal to it have the gradient.
Variable max(Operand x, const Reduce &options = {});
Variable min(Operand x, const Reduce &options = {});
/// Product of elements, by halves; of none it is 1. Exact where factors are 0,
/// and so are its gradients. Booleans are taken as int64.
Variable prod(Operand x, const Reduce &options = {});
/// Index of the first largest (smallest) element along one axis, int64; over
/// all elements without an axis. No gradient.
Variable argmax(Operand x, const Reduce &options = {});
Variable argmin(Operand x, const Reduce &options = {});
/// log(sum(exp(x))), without overflow.
Variable logsumexp(Operand x, const Reduce &options = {});

struct CumsumOptions {
  Axes axis = {};       ///< one; without it the elements are taken in one row
  bool reverse = false; ///< from the last element on
};
/// Sums of the elements so far along one axis, each added to the one before.
/// Booleans are counted as int64.
Variable cumsum(Operand x, const CumsumOptions &options = {});
Variable cumsum(Operand x, int axis);

//===- Products -----------------------------------------------------------===//

/// Matrix product. 1-D operands are a row and a column (two of them give a
/// scalar); leading axes of larger ranks are batches, which broadcast.
Variable matmul(Operand x, Operand w);
/// Sums products over axes of x and of w, in pairs: {{1, 2}, {0, 1}}; or over
/// the last `count` axes of x and the first of w.
Variable tensordot(Operand x, Operand w,
                   const std::vector<std::vector<int>> &axes);
Variable tensordot(Operand x, Operand w, int count = 2);
/// x w + b; an empty b is no bias. x (N, in), w (in, out), b (out,).
Variable linear(Operand x, Operand w, const Variable &b = {});

//===- Element by element -------------------------------------------------===//

/// x * x.
Variable square(Operand x);
/// a where the condition holds, else b.
Variable where(Operand condition, Operand a, Operand b);
/// x kept in [low, high]; the gradient passes inside only, limits included.
/// Integers stay integers between integers.
Variable clip(Operand x, double low, double high);
template <std::derived_from<Variable> X, std::integral L, std::integral H>
Variable clip(const X &x, L low, H high,
              SourceLocation l = SourceLocation::current()) {
  return detail::clip_integers(x, int64_t(low), int64_t(high), l);
}
/// pow(x, 2.5) is above, among the operators. Integers to the power of an
/// integer that is not negative are integers, by products that wrap around.
template <std::derived_from<Variable> X, std::integral I>
Variable pow(const X &x, I exponent,
             SourceLocation l = SourceLocation::current()) {
  return detail::pow_integer(x, int64_t(exponent), l);
}

/// x where it is positive, else slope x.
Variable leaky_relu(Operand x, double slope = 0.2);
/// log(1 + exp(x)), without overflow.
Variable softplus(Operand x);
/// How gelu() has the normal distribution: `erf` exactly, `tanh` by
/// tanh(sqrt(2 / pi) (x + 0.044715 x^3)), as older networks were trained.
enum class Gelu : uint8_t { erf, tanh };
/// x times the normal distribution's share below x.
Variable gelu(Operand x);
Variable gelu(Operand x, Gelu form);

//===- Normalisation ------------------------------------------------------===//

/// Normalised over the last axis, times gamma, plus beta.
Variable layer_norm(Operand x, Operand gamma, Operand beta, double eps = 1e-5);

struct BatchNormOptions {
  double decay = 0.9; ///< how much of the running statistics stays
  double eps = 2e-5;  ///< added to the variance
};
/// x (N, C) or (N, C, …), normalised over all axes but the second, times gamma
/// (C,), plus beta (C,). In training the statistics are the batch's own; the
/// running ones (C,), unless empty, are given new contents, outside the graph:
/// decay times the old and 1 - decay times the batch's, of the variance the
/// unbiased estimate. In test mode the running ones are used; ValueError
/// without them.
Variable batch_norm(Operand x, Operand gamma, Operand beta,
                    Variable running_mean = {}, Variable running_var = {},
                    const BatchNormOptions &options = {});

//===- Classification, losses ---------------------------------------------===//

/// Which axis holds the classes.
struct AxisOption {
  int axis = 1;
};
/// exp(x) / sum(exp(x)) along the axis, without overflow.
Variable softmax(Operand x, AxisOption option = {});
Variable log_softmax(Operand x, AxisOption option = {});
/// Mean over the batch of sums of squared differences: sum((a - b)²) / len(a).
Variable mean_squared_error(Operand a, Operand b);
/// Scores x (N, C), classes t (N,) as integers: the mean of -log softmax(x)[t].
Variable softmax_cross_entropy(Operand x, Operand t);
/// The sum of -(t log p + (1 - t) log(1 - p)), divided by len(p), for
/// probabilities p, kept off 0 and 1 by 1e-15, and targets t of as many
/// elements.
Variable binary_cross_entropy(Operand p, Operand t);
/// The same for p = sigmoid(x), without overflow.
Variable sigmoid_cross_entropy(Operand x, Operand t);
/// Share of rows of y (N, C) whose largest element is at t (N,). No gradient.
Variable accuracy(Operand y, Operand t);

//===- As formulas --------------------------------------------------------===//
// The same functions as one writes them down first, in single operations:
// to learn from, and to see that a compiler makes the same programs of them.

/// 1 / (1 + exp(-x)).
Variable sigmoid_simple(Operand x);
/// exp(x) / sum(exp(x)), which overflows for large x.
Variable softmax_simple(Operand x, AxisOption option = {});
/// x w + b.
Variable linear_simple(Operand x, Operand w, const Variable &b = {});
/// sum((a - b)^2) / len(a).
Variable mean_squared_error_simple(Operand a, Operand b);
/// softmax_cross_entropy() by the probabilities themselves, kept off 0 by
/// 1e-15.
Variable softmax_cross_entropy_simple(Operand x, Operand t);

} // namespace etch

#endif // ETCH_FUNCTIONS_H

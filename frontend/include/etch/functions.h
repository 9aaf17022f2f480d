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

//===- Joining and splitting
//------------------------------------------------===//

/// Arrays one behind the other along an axis; stack() makes the axis.
Variable concat(const Variables &xs, int axis = 0,
                SourceLocation l = SourceLocation::current());
Variable stack(const Variables &xs, int axis = 0,
               SourceLocation l = SourceLocation::current());
/// Parts of these extents along an axis; together they are the axis.
Variables split(Operand x, const std::vector<int64_t> &sizes, int axis = 0);
/// Elements of `value` before and behind each axis: {{0, 0}, {1, 2}}.
Variable pad(Operand x, const std::vector<std::pair<int64_t, int64_t>> &widths,
             double value = 0);
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
/// Index of the first largest (smallest) element along one axis, int64; over
/// all elements without an axis. No gradient.
Variable argmax(Operand x, const Reduce &options = {});
Variable argmin(Operand x, const Reduce &options = {});
/// log(sum(exp(x))), without overflow.
Variable logsumexp(Operand x, const Reduce &options = {});

//===- Products -----------------------------------------------------------===//

/// Matrix product. 1-D operands are a row and a column (two of them give a
/// scalar); leading axes of larger ranks are batches, which broadcast.
Variable matmul(Operand x, Operand w);
/// Sums products over axes of x and of w, in pairs: {{1, 2}, {0, 1}}.
Variable tensordot(Operand x, Operand w,
                   const std::vector<std::vector<int>> &axes);
/// x w + b; an empty b is no bias. x (N, in), w (in, out), b (out,).
Variable linear(Operand x, Operand w, const Variable &b = {});

//===- Element by element -------------------------------------------------===//

/// x * x.
Variable square(Operand x);
/// a where the condition holds, else b.
Variable where(Operand condition, Operand a, Operand b);
/// x kept in [low, high]; the gradient passes inside only, limits included.
Variable clip(Operand x, double low, double high);

/// x where it is positive, else slope x.
Variable leaky_relu(Operand x, double slope = 0.2);
/// log(1 + exp(x)), without overflow.
Variable softplus(Operand x);
/// x times the normal distribution's share below x.
Variable gelu(Operand x);
/// Normalised over the last axis, times gamma, plus beta.
Variable layer_norm(Operand x, Operand gamma, Operand beta, double eps = 1e-5);

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
/// Mean of -(t log p + (1 - t) log(1 - p)) for probabilities p, kept off 0 and
/// 1 by 1e-15.
Variable binary_cross_entropy(Operand p, Operand t);
/// The same for p = sigmoid(x), without overflow.
Variable sigmoid_cross_entropy(Operand x, Operand t);
/// Share of rows of y (N, C) whose largest element is at t (N,). No gradient.
Variable accuracy(Operand y, Operand t);

} // namespace etch

#endif // ETCH_FUNCTIONS_H

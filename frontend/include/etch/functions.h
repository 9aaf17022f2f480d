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
/// x w + b; an empty b is no bias. x (N, in), w (in, out), b (out,).
Variable linear(Operand x, Operand w, const Variable &b = {});

//===- Element by element -------------------------------------------------===//

/// x * x.
Variable square(Operand x);
/// a where the condition holds, else b.
Variable where(Operand condition, Operand a, Operand b);
/// x kept in [low, high]; the gradient passes inside only, limits included.
Variable clip(Operand x, double low, double high);

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
/// Share of rows of y (N, C) whose largest element is at t (N,). No gradient.
Variable accuracy(Operand y, Operand t);

} // namespace etch

#endif // ETCH_FUNCTIONS_H

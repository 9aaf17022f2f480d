//===- operators.h - Arithmetic on Variables and numbers --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands broadcast and promote as in NumPy; numbers take the element type of
// the array beside them.
//===----------------------------------------------------------------------===//
#ifndef ETCH_OPERATORS_H
#define ETCH_OPERATORS_H

#include "etch/operand.h"

namespace etch {

// The pointwise operators, one function each, from the dialect's records.
#include "etch/EagerOps.h.inc"

/// Element by element, after broadcasting and promotion as in NumPy.
inline Variable operator-(Operand x) { return neg(x); }
inline Variable operator+(Operand a, Operand b) { return add(a, b); }
inline Variable operator-(Operand a, Operand b) { return sub(a, b); }
inline Variable operator*(Operand a, Operand b) { return mul(a, b); }
/// True division: integers give float64.
inline Variable operator/(Operand a, Operand b) { return div(a, b); }
/// Not supported: there is no remainder in Etch.
Variable operator%(Operand a, Operand b) = delete;

// Comparisons element by element: boolean arrays.
inline Variable operator==(Operand a, Operand b) { return equal(a, b); }
inline Variable operator!=(Operand a, Operand b) { return not_equal(a, b); }
inline Variable operator<(Operand a, Operand b) { return less(a, b); }
inline Variable operator<=(Operand a, Operand b) { return less_equal(a, b); }
inline Variable operator>(Operand a, Operand b) { return greater(a, b); }
inline Variable operator>=(Operand a, Operand b) { return greater_equal(a, b); }

// x += y makes x a handle of x + y; other handles keep the array of before.
inline Variable &operator+=(Variable &a, Operand b) { return a = a + b; }
inline Variable &operator-=(Variable &a, Operand b) { return a = a - b; }
inline Variable &operator*=(Variable &a, Operand b) { return a = a * b; }
inline Variable &operator/=(Variable &a, Operand b) { return a = a / b; }
// x.data() += y is a state update of x.
inline Data operator+=(Data a, Operand b) { return a = a + b; }
inline Data operator-=(Data a, Operand b) { return a = a - b; }
inline Data operator*=(Data a, Operand b) { return a = a * b; }
inline Data operator/=(Data a, Operand b) { return a = a / b; }

} // namespace etch

#endif // ETCH_OPERATORS_H

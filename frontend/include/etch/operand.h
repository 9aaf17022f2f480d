//===- operand.h - What an operation takes ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A Variable or a number, with the line of user code where it was written.
//===----------------------------------------------------------------------===//
#ifndef ETCH_OPERAND_H
#define ETCH_OPERAND_H

#include "etch/variable.h"

namespace etch {

/// What an operation takes: a Variable or a number, with the user's line. A
/// number is weak: it takes the element type of the other operand, except that
/// a float makes float64 of integers.
class Operand {
public:
  Operand(const Variable &x, SourceLocation l = SourceLocation::current())
      : variable(&x), where(l) {}
  template <detail::Literal T>
  Operand(T value, SourceLocation l = SourceLocation::current())
      : where(l), kind(std::is_same_v<T, bool> ? boolean
                       : std::is_integral_v<T> ? i64
                                               : f64) {
    if constexpr (std::is_integral_v<T>)
      integer = int64_t(value);
    else
      number = double(value);
  }
  template <detail::Unsupported T> Operand(const T &) {
    static_assert(detail::always_false<T>,
                  "an operand of this type is not supported: operations take "
                  "Variables and numbers; make arrays by array({...})");
  }

  bool is_literal() const { return variable == nullptr; }
  /// The Variable; a literal has none.
  const Variable &var() const { return *variable; }
  /// boolean, i64 or f64: what kind of number the literal is.
  DType literal_kind() const { return kind; }
  double as_double() const { return kind == f64 ? number : double(integer); }
  int64_t as_int() const { return kind == f64 ? int64_t(number) : integer; }
  const Location &location() const { return where; }
  /// The Variable, or the literal as an array of its own type and shape ().
  Variable array() const;

private:
  const Variable *variable = nullptr;
  union {
    double number = 0;
    int64_t integer;
  };
  Location where;
  DType kind = f64;
};

} // namespace etch

#endif // ETCH_OPERAND_H

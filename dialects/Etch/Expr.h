//===- Expr.h - The language in which tensor rules are written ---*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gradient rules and expansions are written in terms of operators, as
// `gy * (1 - y * y)`. An Expr is a value of that language; where the operations
// go is the GraphBuilder's affair: into an MLIR block, or through the eager
// engine, which runs them at once.
//===----------------------------------------------------------------------===//
#ifndef ETCH_DIALECTS_ETCH_EXPR_H
#define ETCH_DIALECTS_ETCH_EXPR_H

#include "dialects/Etch/OpTable.h"

namespace etch {

/// An extent of a result: `size` times the extents of other values, which may
/// be symbolic, plus `more` (never negative). Static extents have no factors.
struct Extent {
  struct Factor {
    void *value;
    int axis; ///< -1: the value is the extent
  };
  int64_t size = 1;
  std::vector<Factor> factors;
  int64_t more = 0;
};

/// Receives the operations that rules write.
class GraphBuilder {
public:
  using Handle = void *; ///< a value of the graph; null is none

  virtual ~GraphBuilder();
  virtual TensorType typeOf(Handle value) = 0;
  /// Adds an operation; operand types are known to be right.
  virtual Handle apply(OpId op, std::span<const Handle> operands,
                       Attrs attrs) = 0;
  /// Adds a shaped operation (reshape, broadcast_to, …) whose result has these
  /// extents. The shape attribute, behind `attrs`, is the builder's to fill.
  virtual Handle applyShaped(OpId op, std::span<const Handle> operands,
                             Attrs attrs, std::span<const Extent> extents) = 0;
  /// A tensor of like's type and shape with all elements equal to value.
  virtual Handle splatLike(double value, Handle like) = 0;
};

/// A value under construction. Empty when there is none.
class Expr {
public:
  Expr() = default;
  Expr(GraphBuilder *builder, GraphBuilder::Handle value)
      : b(builder), h(value) {}

  explicit operator bool() const { return h != nullptr; }
  GraphBuilder *builder() const { return b; }
  GraphBuilder::Handle handle() const { return h; }
  TensorType type() const { return b->typeOf(h); }
  int rank() const { return type().shape.rank(); }

private:
  GraphBuilder *b = nullptr;
  GraphBuilder::Handle h = nullptr;
};

/// What a rule sees: operands, result, its cotangent, attributes. Naming an
/// operand does not keep it alive; using it in an operation does.
struct RuleContext {
  GraphBuilder *builder;
  std::span<const GraphBuilder::Handle> operands;
  GraphBuilder::Handle result;    ///< null in expansions
  GraphBuilder::Handle cotangent; ///< null in expansions
  const Attrs &attrs;
  /// The result's in the expansion of a shaped op; else none.
  std::span<const Extent> extents = {};

  Expr x(int i = 0) const { return {builder, operands[i]}; }
  Expr y() const { return {builder, result}; }
  Expr gy() const { return {builder, cotangent}; }
  template <class T> const T &attr(int i) const {
    return std::get<T>(attrs[i]);
  }
};

/// The operation `op` on these operands.
Expr apply(OpId op, std::initializer_list<Expr> operands, Attrs attrs = {});

// One function for each operator that is not shaped, generated from the
// records: Expr tanh(Expr x); Expr pow(Expr x, double exponent); …
#define ETCH_EXPR_DECLS
#include "dialects/Etch/ExprOps.inc"
#undef ETCH_EXPR_DECLS

/// The extents of x, symbolic ones by reference to x.
std::vector<Extent> extentsOf(Expr x);
Expr reshape(Expr x, std::span<const Extent> extents);
Expr broadcastTo(Expr x, std::span<const Extent> extents);
Expr sumTo(Expr x, std::span<const Extent> extents);
Expr scatterAdd(Expr x, Expr index, std::span<const Extent> extents);
Expr slice(Expr x, std::vector<int64_t> starts, std::vector<int64_t> steps,
           std::span<const Extent> extents);
Expr place(Expr x, std::vector<int64_t> starts, std::vector<int64_t> steps,
           double fill, std::span<const Extent> extents);
Expr sliceAt(Expr x, Expr start, int64_t axis, std::span<const Extent> extents);
Expr placeAt(Expr x, Expr start, int64_t axis, std::span<const Extent> extents);
/// x with the shape of like.
Expr reshapeLike(Expr x, Expr like);
Expr splatLike(double value, Expr like);
/// x converted to like's element type.
Expr castLike(Expr x, Expr like);

inline Expr operator+(Expr a, Expr b) { return add(a, b); }
inline Expr operator-(Expr a, Expr b) { return sub(a, b); }
inline Expr operator*(Expr a, Expr b) { return mul(a, b); }
inline Expr operator/(Expr a, Expr b) { return div(a, b); }
inline Expr operator-(Expr x) { return neg(x); }
inline Expr operator+(Expr a, double c) { return a + splatLike(c, a); }
inline Expr operator-(Expr a, double c) { return a - splatLike(c, a); }
inline Expr operator-(double c, Expr a) { return splatLike(c, a) - a; }
inline Expr operator*(Expr a, double c) { return a * splatLike(c, a); }
inline Expr operator*(double c, Expr a) { return splatLike(c, a) * a; }
inline Expr operator/(Expr a, double c) { return a / splatLike(c, a); }
inline Expr operator/(double c, Expr a) { return splatLike(c, a) / a; }

} // namespace etch

#endif // ETCH_DIALECTS_ETCH_EXPR_H

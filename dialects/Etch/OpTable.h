//===- OpTable.h - Every operator, without MLIR ------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of all operators, generated from EtchOps.td, with the rules that
// give each its meaning: result types, gradient, expansion. The compiler's
// dialect and the eager front end read this one table, so a rule exists once.
//===----------------------------------------------------------------------===//
#ifndef ETCH_DIALECTS_ETCH_OPTABLE_H
#define ETCH_DIALECTS_ETCH_OPTABLE_H

#include <etch/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace etch {

/// Numbers the operators in the order of their records.
enum class OpId : int16_t {
#define ETCH_OP(Id, mnemonic) Id,
#include "dialects/Etch/OpIds.inc"
#undef ETCH_OP
};

/// The value of one attribute. Strings name element types ("f32").
using AttrValue =
    std::variant<int64_t, double, bool, std::string, std::vector<int64_t>>;

/// The attributes of one operation, in the order of its record.
using Attrs = std::vector<AttrValue>;

enum class AttrKind : uint8_t { i64, f64, boolean, string, i64s };

/// How an operator iterates: what fusion and the back ends look at.
enum class OpKind : uint8_t {
  pointwise,   ///< one scalar body over equal shapes
  view,        ///< the same elements at other indices: reshape, transpose, …
  reduction,   ///< removes axes
  scan,        ///< goes along an axis, each element after the one before
  contraction, ///< matmul
  convolution, ///< conv2d and its gradients
  window,      ///< moves or chooses elements of windows: im2col, …
  indexed,     ///< reads or writes at indices that are data
};

/// What the gradient rule says.
enum class Gradient : uint8_t {
  rule,     ///< has a rule
  inactive, ///< its gradient is zero everywhere: comparisons, argmax
  none,     ///< asking for one is an error
};

struct RuleContext; // Expr.h
class Expr;

struct OpInfo {
  OpId id;
  const char *name; ///< the mnemonic, "add": also the eager function's name
  OpKind kind;
  Gradient gradient;
  bool commutative;
  int numOperands; ///< tensors; extents of shaped operators do not count
  bool shaped;     ///< last attribute is the result's shape, extents may follow
  std::span<const char *const> attrNames;
  std::span<const AttrKind> attrKinds; ///< one for each name
  /// The result's type, or nothing and the reason in `error`.
  std::optional<TensorType> (*infer)(std::span<const TensorType> operands,
                                     const Attrs &attrs, std::string &error);
  /// One cotangent for each operand; an empty Expr means no gradient.
  std::vector<Expr> (*vjp)(const RuleContext &context);
  /// The same in terms of simpler operators in canonical form, or an empty Expr
  /// when the operation is canonical already. May be null.
  Expr (*expand)(const RuleContext &context);
};

/// The compiler's name of an element type ("f32", "i1"), used in attributes.
const char *shortNameOf(DType t);
std::optional<DType> dtypeOf(std::string_view shortName);

/// All operators, indexed by OpId.
std::span<const OpInfo> allOps();
inline const OpInfo &opInfo(OpId id) { return allOps()[size_t(id)]; }
/// By mnemonic, without "etch."; null when there is none.
const OpInfo *findOp(std::string_view mnemonic);

} // namespace etch

#endif // ETCH_DIALECTS_ETCH_OPTABLE_H

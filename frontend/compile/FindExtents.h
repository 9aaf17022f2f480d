//===- FindExtents.h - Finds what extents are made of -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Extents are terms in symbols. What an operation demands of them is asked of
// its type inference: with other numbers in place of the symbols it succeeds,
// or says by failing that a symbol is bound to another one or to a number.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_FINDEXTENTS_H
#define ETCH_COMPILE_FINDEXTENTS_H

#include "frontend/compile/OpenExtents.h"

#include <optional>

namespace etch::detail {

using Term = OpenExtent;
using Terms = std::vector<Term>; ///< the extents of one value

inline Term number(int64_t n) { return {n, {}}; }
inline Term symbol(int32_t id) { return {1, {{id, 0}}}; }

class Finder {
public:
  Finder(const Trace &t, const Trace *other) : t(t), other(other) {}
  std::shared_ptr<const OpenExtents> run();

private:
  /// What is called by a number in a term.
  struct Symbol {
    int64_t extent, in_other;
    int32_t value, axis;
    bool argument;          ///< or made up for an extent that is unclear
    std::optional<Term> is; ///< what it turned out to be
  };

  // Terms.
  Term fresh(int32_t value, int axis, bool argument);
  Term resolve(const Term &term);
  void resolve(Terms &terms);
  int64_t evaluate(const Term &term) const;
  int64_t in_other(const Term &term) const;
  int64_t elsewhere(const Term &term) const;
  bool agrees(const Term &term, int32_t value, int axis) const;
  bool is_plain(const Term &term) const {
    return term.times == 1 && term.factors.size() == 1 &&
           term.factors[0].offset == 0;
  }
  bool is_number(const Term &term) { return resolve(term).factors.empty(); }
  void fix(const Term &term);
  void fix(const Terms &terms);
  void unify(const Term &a, const Term &b);
  void unify(int32_t a, int32_t b);
  Terms numbers(int32_t value) const;

  // Events.
  const Shape &shape(int32_t value) const {
    return t.values[size_t(value)].type.shape;
  }
  void visit(const Event &e);
  void visit_operation(const Event &e);
  void visit_region(const Event &e);
  Terms reshape(const Event &e);
  bool spread(const Term &product, std::span<const int> axes, int32_t y,
              Terms &out);
  Terms broadcast(const Event &e);
  Terms sum_to(const Event &e);
  Terms slice(const Event &e, int32_t event);
  Terms place(const Event &e, int32_t event);
  Terms inferred(const Event &e);
  bool repair(const Event &e, Terms &shape_terms);
  std::optional<TensorType> infer(const Event &e,
                                  std::span<const TensorType> operands,
                                  const Shape *shape) const;
  bool holds(const Event &e);
  Shape elsewhere(const Terms &terms) const;
  std::shared_ptr<const OpenExtents> result();

  const Trace &t;
  const Trace *const other;
  std::vector<Symbol> symbols;
  std::vector<Terms> terms; ///< by value
  std::vector<OpenExtents::Starts> starts;
  std::vector<OpenExtents::Fixed> fixed;
  int32_t at = -1; ///< the event being visited
};

/// The extents in which the starts of a slice or place count.
const Shape &whole_of(const Trace &t, const Event &e);
/// Where it begins, counted from the first element.
int64_t start_of(const Trace &t, const Event &e, size_t axis);

} // namespace etch::detail

#endif // ETCH_COMPILE_FINDEXTENTS_H

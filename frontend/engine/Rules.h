//===- Rules.h - Running the operators' gradient rules ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A rule writes operations; most often only some of its cotangents are wanted.
// So the operations are written down first and then those are run on which the
// wanted ones depend: as one kernel where they allow it.
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_RULES_H
#define ETCH_ENGINE_RULES_H

#include "dialects/Etch/Expr.h"
#include "etch/variable.h"

namespace etch::detail {

/// What a rule reads of a value.
enum class Reads : uint8_t { nothing, type, contents };

class RuleRunner final : public GraphBuilder {
public:
  explicit RuleRunner(const Location &where) : where(where) {}
  ~RuleRunner() override;

  /// A value from outside; `x` may come later (bind), or never.
  Handle source(const TensorType &type, const Variable &x = {});
  /// Runs what `value` depends on and gives its result.
  Variable evaluate(Handle value);
  /// The same of several, none of them null.
  void evaluate(std::span<const Handle> values, Variable *results);
  /// Marks what `value` depends on, without running it.
  void mark(Handle value);
  /// Of a source, after the rule and mark().
  Reads reads(Handle source) const;

  TensorType typeOf(Handle value) override;
  Handle apply(OpId op, std::span<const Handle> operands, Attrs attrs) override;
  Handle applyShaped(OpId op, std::span<const Handle> operands, Attrs attrs,
                     std::span<const Extent> extents) override;
  Handle splatLike(double value, Handle like) override;
  /// A cast to another element type.
  Handle cast(Handle x, DType dtype);

private:
  struct Step {
    enum Kind : uint8_t { source, operation, splat, mistake };
    Kind kind = source;
    bool marked = false, done = false, type_read = false;
    uint8_t num_operands = 0;
    uint8_t number = 0; ///< in a chain
    OpId op{};
    TensorType type;
    Step *operands[3] = {};
    Attrs own;
    const Attrs *attrs = &own; ///< its own, or some that live for ever
    double value = 0;
    Variable result;
    Step *before = nullptr, *after = nullptr; ///< in the order of the rule
  };
  Step &add(Step::Kind kind, const TensorType &type);
  Step &add_operation(OpId op, std::span<const Handle> operands,
                      const TensorType &type);
  bool run_as_chain(std::span<const Handle> values, Variable *results);
  bool holds(const Step *s) const {
    auto *place = reinterpret_cast<const std::byte *>(s);
    return place >= near && place < near + sizeof near;
  }

  const Location where;
  Step *first = nullptr, *last = nullptr;
  /// The first steps.
  static constexpr size_t num_near = 10;
  size_t used = 0;
  alignas(Step) std::byte near[num_near * sizeof(Step)];
};

} // namespace etch::detail

#endif // ETCH_ENGINE_RULES_H

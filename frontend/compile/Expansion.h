//===- Expansion.h - What gradients depend on -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In a trace a gradient is one event. Which arrays a gradient of a gradient
// reaches depends on the operations that are in it: the gradient of a x + b
// with respect to x reaches a, not b. So they are written down, by the same
// rules that the compiler uses, and forgotten again.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_EXPANSION_H
#define ETCH_COMPILE_EXPANSION_H

#include "dialects/Etch/Expr.h"
#include "frontend/compile/Trace.h"

#include <deque>
#include <unordered_map>

namespace etch::detail {

class Expansion final : public GraphBuilder {
public:
  explicit Expansion(const Trace &trace) : t(trace) {}

  /// The values behind y through which gradients flow: of the trace and, where
  /// those are gradients, of what is in them. False when that would be too much
  /// work.
  bool find(int32_t y, std::vector<int32_t> &found);

  TensorType typeOf(Handle value) override;
  Handle apply(OpId op, std::span<const Handle> operands, Attrs attrs) override;
  Handle applyShaped(OpId op, std::span<const Handle> operands, Attrs attrs,
                     std::span<const Extent> extents) override;
  Handle splatLike(double value, Handle like) override;

private:
  struct Step {
    TensorType type;
    int32_t value = -1;         ///< of the trace
    const OpInfo *op = nullptr; ///< null: a source, or the result of a call
    int32_t call = -1;          ///< the event that ends the call
    int32_t output = 0;
    int64_t order = 0;
    Attrs attrs;
    std::vector<Step *> operands;
  };
  using Values = std::unordered_map<int32_t, Step *>;

  void extend();
  void read(int32_t event, Values &region);
  void read_events(int32_t first, int32_t last, Values &region);
  void read_region(int32_t event, Values &out);
  void unroll(int32_t event, std::vector<Step *> &results, const Values &out);
  Step *either(Step *a, Step *b);
  Step *linear(OpId op, Step *x, Attrs attrs);
  Step *step_of(int32_t value, const Values &region) const;
  Step *add(const TensorType &type);
  void expand(const Event &e, const Values &region, Values &out);
  void visit_call(const Step &s, std::unordered_map<Step *, Step *> &cotangents,
                  std::vector<Step *> &gxs);
  bool flows(const Step *s) const;

  const Trace &t;
  std::deque<Step> steps;
  std::vector<Step *> known; ///< by value
  int32_t next_event = 0;
  bool unnamed = false; ///< a Function's backward half is read once more
};

} // namespace etch::detail

#endif // ETCH_COMPILE_EXPANSION_H

//===- ControlFlow.cpp - branches and loops that depend on data -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Eagerly: ordinary loops, on the ordinary tape.
//===----------------------------------------------------------------------===//

#include "frontend/engine/ControlFlow.h"

#include "etch/array.h"
#include "etch/functions.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Slices.h"
#include "frontend/engine/Tape.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// What must hold
//===----------------------------------------------------------------------===//

Variable detail::checked_predicate(const char *name, const Variable &c,
                                   const Location &where) {
  std::string what = std::string(name) + ": the condition is ";
  if (!c.defined())
    throw ValueError(what + "an empty Variable", where);
  what += to_string(c.type());
  if (c.dtype() != boolean)
    throw DTypeError(what + ", not a boolean: compare it with something",
                     where);
  if (c.size() != 1)
    throw ShapeError(what + ": it must be a single boolean", where);
  return c.ndim() ? reshape(c, Shape{}) : c;
}

void detail::check_states(const LoopSpec &spec, const Variables &next,
                          const Location &where) {
  std::string name = spec.name;
  if (next.size() != spec.inits.size())
    throw ValueError(name + ": the body gave " + std::to_string(next.size()) +
                         " states for " + std::to_string(spec.inits.size()),
                     where);
  for (size_t i = 0; i < next.size(); ++i) {
    std::string which =
        name + ": state " + (next.size() > 1 ? std::to_string(i) + " " : "");
    if (!next[i].defined())
      throw ValueError(which + "is empty after an iteration", where);
    TensorType before = spec.inits[i].type(), after = next[i].type();
    which += "is " + to_string(before) + " before an iteration and " +
             to_string(after) + " after it";
    if (before.dtype != after.dtype)
      throw DTypeError(which + "; states keep their type (astype)", where);
    if (before != after)
      throw ShapeError(which + "; states keep their shape", where);
  }
}

void detail::check_y(const LoopSpec &spec, const Variable &y,
                     const Location &where) {
  if (!y.defined())
    throw ValueError(std::string(spec.name) + ": a y is empty", where);
  if (y.ndim() == Shape::max_rank)
    throw ShapeError(std::string(spec.name) + ": y is " + to_string(y.type()) +
                         ": stacked, it would have too many axes",
                     where);
}

int64_t detail::count_slices(const LoopSpec &spec) {
  return spec.xs.empty() ? -1 : spec.xs[0].shape()[0];
}

static void check_inits(const LoopSpec &spec, const Location &where) {
  for (size_t i = 0; i < spec.inits.size(); ++i)
    if (!spec.inits[i].defined())
      throw ValueError(std::string(spec.name) + ": initial state " +
                           std::to_string(i) + " is empty",
                       where);
}

static int64_t checked_bound(const LoopSpec &spec, const LoopOptions &options,
                             const Location &where) {
  if (options.max_iterations < -1)
    throw ValueError(std::string(spec.name) + ": max_iterations is " +
                         std::to_string(options.max_iterations),
                     where);
  return options.max_iterations;
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

static Variable renamed(const Variable &x, const Location &where);

namespace {
/// Gives an array another identity, and its gradient, too.
class RenameEntry final : public Entry {
public:
  RenameEntry(const Variable &x, const Variable &y, const Location &where)
      : Entry(where) {
    edges = &edge;
    results = &output;
    num_inputs = num_outputs = 1;
    connect(*this, edge, x);
    const ValueRef &v = x.node()->value;
    edge.kept = make_type_only(v->dtype, v->shape);
    adopt_output(0, y);
  }
  std::string name() const override { return "identity"; }
  void backward(std::span<const Variable> gys, std::span<const bool>, bool,
                std::span<Variable> gxs) override {
    gxs[0] = renamed(gys[0], where);
  }

private:
  Edge edge;
  Output output;
};
} // namespace

/// x under an identity of its own.
static Variable renamed(const Variable &x, const Location &where) {
  if (!config().enable_backprop || !takes_gradient(*x.node()))
    return x;
  if (recorder()) { // where only what a region takes and gives needs one
    std::vector<int64_t> shape(x.shape().begin(), x.shape().end());
    return detail::apply(OpId::Reshape, {x}, {std::move(shape)}, where);
  }
  const Value &v = *held_contents(x, "identity", where);
  Variable y = make_variable(make_view(v, v.shape, v.strides, 0));
  Ref<Entry> entry(new RenameEntry(x, y, where.in_user_code()));
  return y;
}

/// A loop's states and a cond's results sum up the gradients of their uses
/// before these are added to those of what they are. That is so in a program;
/// eagerly it takes another identity. The first one is made last: the reverse
/// sweep begins with the newest.
static void rename(Variables &xs, const Location &where) {
  for (size_t i = xs.size(); i-- > 0;)
    xs[i] = renamed(xs[i], where);
}

/// The same for what an iteration gives: all states, and a y that is older than
/// the iteration. A y that is a new state adds to the gradients of what that
/// was before.
static void rename(Variables &states, Variables &ys, uint64_t begin,
                   const Location &where) {
  for (Variable &y : ys)
    if (y.node()->serial < begin)
      y = renamed(y, where);
  rename(states, where);
}

LoopResults detail::run_loop(LoopSpec spec, const Location &l) {
  Location where = l.in_user_code();
  LocationScope scope(where);
  check_inits(spec, where);
  rename(spec.inits, where);
  if (Recorder *r = recorder())
    return r->loop(spec, where);
  int64_t bound = spec.bound, slices = count_slices(spec);
  auto limit = [&](int64_t n) { bound = bound < 0 ? n : std::min(bound, n); };
  if (slices >= 0)
    limit(slices);
  if (spec.limit.defined())
    limit(std::max<int64_t>(spec.limit.item<int64_t>(), 0));
  std::vector<Variables> parts(spec.xs.size()); // by x, then by iteration
  for (size_t k = parts.size(); k-- > 0;)
    parts[k] = unstack(spec.xs[k], where);
  std::vector<Variables> stacks; // by y, then by iteration
  Variables states = spec.inits;
  for (int64_t i = 0; bound < 0 || i < bound; ++i) {
    if (spec.condition) {
      Variable c = checked_predicate(spec.name, spec.condition(states), where);
      if (!c.item<bool>())
        break;
    }
    int64_t at = spec.reverse ? bound - 1 - i : i;
    Variables xs, ys;
    for (const Variables &p : parts)
      xs.push_back(p[size_t(at)]);
    uint64_t begin = next_serial();
    Variables next = spec.body(Variable(at), states, xs, ys);
    check_states(spec, next, where);
    if (i == 0)
      stacks.resize(ys.size());
    if (ys.size() != stacks.size())
      throw ValueError(std::string(spec.name) + ": the body gave " +
                           std::to_string(ys.size()) + " ys, " +
                           std::to_string(stacks.size()) + " before",
                       where);
    for (size_t k = 0; k < ys.size(); ++k) {
      check_y(spec, ys[k], where);
      if (i && ys[k].type() != stacks[k][0].type())
        throw ShapeError(std::string(spec.name) + ": y is " +
                             to_string(ys[k].type()) + ", before it was " +
                             to_string(stacks[k][0].type()),
                         where);
    }
    rename(next, ys, begin, where);
    for (size_t k = 0; k < ys.size(); ++k)
      stacks[k].push_back(ys[k]);
    states = std::move(next);
  }
  LoopResults results{std::move(states), {}};
  for (Variables &s : stacks) {
    if (spec.reverse)
      std::reverse(s.begin(), s.end());
    results.ys.push_back(stack_slices(s, where));
  }
  return results;
}

Variables detail::run_while(LoopSpec spec, const LoopOptions &options,
                            const Location &where) {
  spec.bound = checked_bound(spec, options, where);
  return run_loop(std::move(spec), where).states;
}

Variables detail::run_for(LoopSpec spec, const Operand &n,
                          const LoopOptions &options) {
  const Location &where = n.location();
  LocationScope scope(where);
  spec.bound = checked_bound(spec, options, where);
  if (n.is_literal()) {
    if (n.literal_kind() != i64)
      throw DTypeError("for_loop: the count is not an integer", where);
    if (n.as_int() < 0)
      throw ValueError("for_loop: the count is " + std::to_string(n.as_int()),
                       where);
    spec.bound = spec.bound < 0 ? n.as_int() : std::min(spec.bound, n.as_int());
  } else {
    const Variable &count = n.var();
    if (!count.defined())
      throw ValueError("for_loop: the count is an empty Variable", where);
    if (!is_integer(count.dtype()))
      throw DTypeError("for_loop: the count is " + to_string(count.type()) +
                           ", not an integer",
                       where);
    if (count.ndim())
      throw ShapeError("for_loop: the count is " + to_string(count.type()) +
                           ", not a scalar",
                       where);
    spec.limit = count.dtype() == i64 ? count : astype(count, i64);
  }
  return run_loop(std::move(spec), where).states;
}

LoopResults detail::run_scan(LoopSpec spec, const Location &l) {
  Location where = l.in_user_code();
  LocationScope scope(where);
  if (spec.xs.empty())
    throw ValueError("scan: there are no xs; for_loop takes a count", where);
  for (const Variable &x : spec.xs) {
    if (!x.defined())
      throw ValueError("scan: an x is empty", where);
    if (x.ndim() == 0)
      throw ShapeError("scan: x is " + to_string(x.type()) +
                           ": it has no axis to go along",
                       where);
    if (x.shape()[0] != count_slices(spec))
      throw ShapeError(
          "scan: xs are not equally long: " + to_string(spec.xs[0].type()) +
              " and " + to_string(x.type()),
          where);
  }
  if (count_slices(spec) > 0 || recorder())
    return run_loop(std::move(spec), where);
  // What an iteration would give.
  check_inits(spec, where);
  NoGrad none;
  Variables xs, ys;
  for (const Variable &x : spec.xs)
    xs.push_back(zeros(Shape(std::span(x.shape().begin() + 1, x.shape().end())),
                       {.dtype = x.dtype()}));
  check_states(spec, spec.body(Variable(0), spec.inits, xs, ys), where);
  LoopResults results{spec.inits, {}};
  for (const Variable &y : ys) {
    check_y(spec, y, where);
    Shape shape = {0};
    for (int64_t extent : y.shape())
      shape.push_back(extent);
    results.ys.push_back(zeros(shape, {.dtype = y.dtype()}));
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

Variables detail::run_cond(const Operand &pred, const BranchFunction &then,
                           const BranchFunction &otherwise) {
  Location where = pred.location().in_user_code();
  Variable c = checked_predicate("cond", pred.array(), where);
  Recorder *r = recorder();
  if (r && !pred.is_literal())
    return r->branch(c, then, otherwise, where);
  // A host value steers the recording.
  bool first = pred.is_literal() ? pred.as_int() != 0 : c.item<bool>();
  Variables ys = first ? then() : otherwise();
  for (const Variable &y : ys)
    if (!y.defined())
      throw ValueError("cond: a branch gave an empty Variable", where);
  if (!pred.is_literal())
    rename(ys, where);
  return ys;
}

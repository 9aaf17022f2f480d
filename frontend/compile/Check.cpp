//===- Check.cpp - compiled beside eager ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What differs is searched for in the trace: its operations are done again one
// by one, eagerly, and compared with what programs give that end in them.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Client/Bisect.h"
#include "etch/compile.h"
#include "etch/host.h"
#include "etch/random.h"
#include "frontend/compile/Program.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Contents
//===----------------------------------------------------------------------===//

/// A copy of contents, for later comparison; null for none.
static ValueRef snapshot(const Node *n) {
  return n && n->value && n->value->storage ? dense_copy(*n->value)
                                            : ValueRef();
}

static double number_at(const Value &v, int64_t i) {
  const char *at = static_cast<const char *>(v.data) + i * size_of(v.dtype);
  switch (v.dtype) {
  case f32:
    return double(*reinterpret_cast<const float *>(at));
  case f64:
    return *reinterpret_cast<const double *>(at);
  case i32:
    return double(*reinterpret_cast<const int32_t *>(at));
  case i64:
    return double(*reinterpret_cast<const int64_t *>(at));
  case boolean:
    break;
  }
  return double(*at);
}

/// The first element whose bits differ; -1 if there is none. NaNs are equal.
static int64_t first_difference(const Value &a, const Value &b) {
  auto size = size_t(size_of(a.dtype));
  const char *p = static_cast<const char *>(a.data),
             *q = static_cast<const char *>(b.data);
  for (int64_t i = 0; i < a.shape.elements(); ++i, p += size, q += size)
    if (std::memcmp(p, q, size) != 0 &&
        !(std::isnan(number_at(a, i)) && std::isnan(number_at(b, i))))
      return i;
  return -1;
}

static std::string place_of(int64_t element, const Shape &shape) {
  if (shape.empty())
    return "";
  std::string s = ")";
  for (int axis = shape.rank(); axis-- > 0; element /= shape[axis])
    s = (axis ? ", " : "") + std::to_string(element % shape[axis]) + s;
  return "element (" + s;
}

/// "element (0, 2) is 1.5 eager, 1.25 compiled"
static std::string describe(const Value &a, const Value &b, int64_t i) {
  char text[100];
  std::snprintf(text, sizeof text, "%.17g eager, %.17g compiled",
                number_at(a, i), number_at(b, i));
  std::string place = place_of(i, a.shape);
  return place.empty() ? text : place + " is " + text;
}

static std::string compare_values(const std::string &what, const ValueRef &a,
                                  const ValueRef &b) {
  if (!a || !b)
    return a.get() == b.get() ? ""
                              : what + (a ? " is missing when compiled"
                                          : " is there only when compiled");
  if (a->type() != b->type())
    return what + ": eager " + to_string(a->type()) + ", compiled " +
           to_string(b->type());
  int64_t i = first_difference(*a, *b);
  return i < 0 ? "" : what + ": " + describe(*a, *b, i);
}

//===----------------------------------------------------------------------===//
// The first operation that differs
//===----------------------------------------------------------------------===//

namespace {
class Search {
public:
  /// `leaves` by value: arguments and captured arrays as they were.
  Search(const Variant &v, std::vector<NodeRef> leaves,
         const driver::CompileOptions &options)
      : v(v), t(*v.trace), leaves(std::move(leaves)), options(options),
        values(t.values.size()) {}

  void find(CheckReport &report);
  /// The first pass that changes what the whole program gives.
  std::string changing_pass();

private:
  void repeat();
  bool repeat(const Event &e);
  bool compare(const Trace &trace, std::span<const int32_t> ids,
               std::span<const ValueRef> expected, int32_t &differs,
               CheckReport &report);
  bool find_forward(CheckReport &report);
  bool find_backward(CheckReport &report);
  struct Bound {
    std::vector<ValueRef> args, results;
  };
  Bound run(const ProgramText &program, std::span<const TensorType> results,
            const driver::CompileOptions &options);
  void blame(CheckReport &report, size_t event, const std::string &prefix);

  const Variant &v;
  const Trace &t;
  std::vector<NodeRef> leaves;
  driver::CompileOptions options;
  /// By value, done eagerly again; those of loops and of users' Functions are
  /// left out.
  std::vector<Variable> values;
  size_t repeated = 0; ///< the events that were done again
};
} // namespace

bool Search::repeat(const Event &e) {
  std::span<const Use> uses = t.uses_of(e);
  auto operand = [&](size_t i) { return values[size_t(uses[i].value)]; };
  auto set = [&](size_t i, const Variable &x) {
    values[size_t(e.first_value) + i] = x;
  };
  for (const Use &u : uses)
    if (u.value >= 0 && !values[size_t(u.value)].defined() &&
        e.kind != Event::Kind::gradient)
      return false;
  UsingConfig mode(&Config::enable_backprop, !e.untracked);
  switch (e.kind) {
  case Event::Kind::operation: {
    Variables xs;
    for (size_t i = 0; i < uses.size(); ++i)
      xs.push_back(operand(i));
    set(0, apply(e.op, xs, e.attrs, e.where));
    return true;
  }
  case Event::Kind::literal:
    set(0, make_literal(t.literals[size_t(e.first_value)],
                        t.values[size_t(e.first_value)].type, e.where));
    return true;
  case Event::Kind::accumulate:
    set(0, e.had_old && !t.adds_on_host(e)
               ? apply(OpId::Add, {operand(1), operand(0)}, {}, e.where)
               : operand(0));
    return true;
  case Event::Kind::assign:
    set(0, make_variable(operand(1).node()->value,
                         operand(0).node()->flags & Node::parameter));
    return true;
  case Event::Kind::cut:
    for (size_t i = 0; i < size_t(e.num_values); ++i)
      set(i, make_variable(operand(i + 1).node()->value));
    return true;
  case Event::Kind::gradient: {
    if (!operand(0).defined())
      return false;
    Variables xs;
    std::vector<size_t> results;
    for (size_t i = 2; i < uses.size(); ++i) {
      int32_t pick = e.whole ? int32_t(i) - 2 : e.picks[i - 2];
      if (pick < 0 || !operand(i).defined())
        continue;
      xs.push_back(operand(i));
      results.push_back(size_t(pick));
    }
    GradOptions how{.create_graph = e.create_graph};
    if (uses[1].value >= 0)
      how.seed = operand(1);
    Variables gs = grad(operand(0), xs, how);
    for (size_t i = 0; i < gs.size(); ++i)
      if (gs[i].defined())
        set(results[i], gs[i]);
    return true;
  }
  default:
    return false;
  }
}

void Search::repeat() {
  for (size_t i = 0; i < leaves.size(); ++i)
    if (leaves[i])
      values[i] = make_variable(
          dense_copy(*leaves[i]->value),
          uint16_t(t.values[i].flags & (Node::parameter | Node::constant)));
  while (repeated < t.events.size() && repeat(t.events[repeated]))
    ++repeated;
}

Search::Bound Search::run(const ProgramText &program,
                          std::span<const TensorType> results,
                          const driver::CompileOptions &options) {
  CompiledModule m = module_compiler(program.text, options);
  if (!m.module)
    return {};
  Bound bound;
  std::vector<std::array<int64_t, Shape::max_rank>> strides(
      program.args.size() + results.size());
  std::vector<etch_tensor_t> args, outs;
  size_t next = 0;
  auto tensor = [&](const Value &value) {
    dense_strides(value.shape, strides[next].data());
    return etch_tensor_t{value.data, value.shape.data(), strides[next++].data(),
                         int32_t(value.dtype), value.shape.rank()};
  };
  for (int32_t id : program.args) {
    const TraceValue &value = t.values[size_t(id)];
    if (value.source == Source::literal) {
      bound.args.push_back(make_dense(value.type.dtype, {}));
      store_scalar(bound.args.back()->data, value.type.dtype,
                   t.literals[size_t(id)]);
    } else {
      bound.args.push_back(dense_copy(*leaves[size_t(id)]->value));
    }
    args.push_back(tensor(*bound.args.back()));
  }
  for (const TensorType &type : results) {
    bound.results.push_back(make_dense(type.dtype, type.shape));
    outs.push_back(tensor(*bound.results.back()));
  }
  etch_call_t call = {};
  call.args = args.data();
  call.num_args = int32_t(args.size());
  call.results = outs.data();
  call.num_results = int32_t(outs.size());
  call.host = etch_serial_host();
  StorageRef arena;
  if (uint64_t bytes = m.module->arena_bytes(&call)) {
    arena = allocate(bytes);
    call.arena = arena->data;
    call.arena_bytes = bytes;
  }
  if (m.module->run(&call) != ETCH_OK)
    return {};
  return bound;
}

/// Whether a program that ends in these values gives others than expected.
bool Search::compare(const Trace &trace, std::span<const int32_t> ids,
                     std::span<const ValueRef> expected, int32_t &differs,
                     CheckReport &report) {
  Exits exits;
  std::vector<TensorType> types;
  for (int32_t id : ids) {
    exits.results.push_back(id);
    types.push_back(trace.values[size_t(id)].type);
  }
  Bound bound = run(print_program(trace, exits, v.names), types, options);
  for (size_t i = 0; i < bound.results.size(); ++i) {
    int64_t element = first_difference(*expected[i], *bound.results[i]);
    if (element < 0)
      continue;
    differs = ids[i];
    report.element = element;
    report.eager = number_at(*expected[i], element);
    report.compiled = number_at(*bound.results[i], element);
    report.detail = ::describe(*expected[i], *bound.results[i], element);
    return true;
  }
  return false;
}

void Search::blame(CheckReport &report, size_t event,
                   const std::string &prefix) {
  const Event &e = t.events[event];
  report.op = prefix + (e.kind == Event::Kind::operation
                            ? std::string(opInfo(e.op).name)
                            : detail::describe(t, event));
  report.where = e.where;
}

bool Search::find_forward(CheckReport &report) {
  std::vector<int32_t> ids;
  std::vector<ValueRef> expected;
  for (size_t i = 0; i < repeated; ++i) {
    const Event &e = t.events[i];
    if (e.kind != Event::Kind::operation && e.kind != Event::Kind::accumulate)
      continue;
    if (t.resolve(e.first_value) != e.first_value)
      continue;
    ids.push_back(e.first_value);
    expected.push_back(dense_value(values[size_t(e.first_value)]));
  }
  int32_t differs;
  auto found = [&] {
    blame(report, size_t(t.values[size_t(differs)].event), "");
    return true;
  };
  // All at once; what is fused differs then, so that one by one may say more.
  if (compare(t, ids, expected, differs, report))
    return found();
  constexpr size_t most = 200;
  for (size_t i = 0; i < std::min(ids.size(), most); ++i)
    if (compare(t, {&ids[i], 1}, {&expected[i], 1}, differs, report))
      return found();
  return false;
}

/// The first gradient, as backward meets them, of a value in the middle.
bool Search::find_backward(CheckReport &report) {
  for (size_t i = 0; i < repeated; ++i) {
    const Event &e = t.events[i];
    if (e.kind != Event::Kind::gradient || t.uses_of(e)[1].value >= 0)
      continue;
    int32_t y = t.uses_of(e)[0].value;
    std::vector<int32_t> middle;
    Variables xs;
    for (int32_t id = y; id-- > 0;)
      if (t.values[size_t(id)].source == Source::result &&
          t.resolve(id) == id && values[size_t(id)].defined() &&
          is_floating(t.values[size_t(id)].type.dtype) &&
          !(values[size_t(id)].node()->flags &
            (Node::constant | Node::untracked))) {
        middle.push_back(id);
        xs.push_back(values[size_t(id)]);
      }
    Variables gs = grad(values[size_t(y)], xs, {.create_graph = true});
    // The same question to the compiler.
    Trace asked = t;
    asked.events.resize(i + 1);
    Event &g = asked.events[i];
    g.whole = false;
    g.picks.clear();
    g.first_use = uint32_t(asked.uses.size());
    g.first_value = int32_t(asked.values.size());
    asked.uses.push_back({y, y});
    asked.uses.push_back({});
    std::vector<int32_t> ids, of;
    std::vector<ValueRef> expected;
    for (size_t k = 0; k < gs.size(); ++k) {
      if (!gs[k].defined())
        continue;
      TraceValue value = t.values[size_t(middle[k])];
      value.event = int32_t(i);
      value.slot = int32_t(asked.values.size());
      ids.push_back(value.slot);
      of.push_back(middle[k]);
      expected.push_back(dense_value(gs[k]));
      asked.uses.push_back({middle[k], middle[k]});
      g.picks.push_back(int32_t(g.picks.size()));
      asked.values.push_back(value);
    }
    if (ids.empty())
      continue;
    g.num_uses = uint32_t(asked.uses.size()) - g.first_use;
    g.num_values = int32_t(ids.size());
    int32_t differs;
    if (!compare(asked, ids, expected, differs, report))
      continue;
    // Its gradient came from the ops that read it.
    int32_t x = of[size_t(differs - g.first_value)];
    for (size_t k = i; k-- > 0;) {
      std::span<const Use> uses = t.uses_of(t.events[k]);
      if (std::any_of(uses.begin(), uses.end(),
                      [&](const Use &u) { return u.value == x; })) {
        blame(report, k, "gradient of ");
        return true;
      }
    }
  }
  return false;
}

void Search::find(CheckReport &report) {
  repeat();
  if (find_forward(report) || find_backward(report))
    return;
  // What cannot be done again: a loop, a user's Function.
  for (size_t i = 0; i < t.events.size(); ++i)
    if (i == repeated) {
      blame(report, i, "");
      return;
    }
}

std::string Search::changing_pass() {
  std::vector<TensorType> types;
  for (int32_t id : v.exits.results)
    types.push_back(t.values[size_t(id)].type);
  return driver::findChangingPass([&](const std::string &without) {
           driver::CompileOptions chosen = options;
           chosen.without = without;
           Bound bound = run(v.program, types, chosen);
           std::string bytes;
           for (auto *list : {&bound.args, &bound.results})
             for (const ValueRef &value : *list)
               bytes.append(
                   static_cast<const char *>(value->data),
                   size_t(value->shape.elements() * size_of(value->dtype)));
           return bytes;
         })
      .name;
}

//===----------------------------------------------------------------------===//
// The two runs
//===----------------------------------------------------------------------===//

namespace {
/// The arrays that a call may change.
struct Watched {
  std::string name;
  NodeRef node;
  ValueRef before;
  Variable grad_before;
  ValueRef after, grad_after; ///< of the eager run
};
} // namespace

CheckReport
CompiledFunction::compare(std::span<const Variable *const> args,
                          const std::function<void(Variables &)> &compiled,
                          const std::function<void(Variables &)> &eager) {
  if (recorder())
    throw UserError("check: not inside of a compiled function");
  std::vector<Watched> watched;
  auto watch = [&](const std::string &name, Node *n) {
    if (!n || !n->value->storage)
      return;
    for (const Watched &w : watched)
      if (w.node.get() == n)
        return;
    watched.push_back({name, NodeRef(n), n->value, n->grad, {}, {}});
  };
  for (size_t i = 0; i < args.size(); ++i)
    watch("argument " + std::to_string(i), args[i]->node());
  // A recording tells which arrays are captured; deferred state is made.
  std::vector<NodeRef> leaves;
  bool first = true;
  impl->watch_captured = [&](int32_t slot, const std::string &name, Node *n) {
    leaves.resize(std::max(leaves.size(), size_t(slot) + 1));
    leaves[size_t(slot)] = NodeRef(n);
    // What the last run meets for the first time it has made itself.
    if (first)
      watch(name.empty() ? "a captured array" : "'" + name + "'", n);
  };
  random::State stream = random::get_state();
  auto put_back = [&] {
    for (Watched &w : watched) {
      w.node->value = w.before;
      w.node->grad = w.grad_before;
    }
    random::set_state(stream);
  };
  Variables ignored, expected, got;
  // Whatever happens, nobody is watched afterwards.
  struct Unwatch {
    Program &program;
    ~Unwatch() { program.watch_captured = nullptr; }
  } unwatch{*impl};
  compiled(ignored);
  first = false;
  // The program may have written into the old memory: it has not, since
  // `before` shares it.
  put_back();
  eager(expected);
  std::vector<ValueRef> results;
  for (const Variable &y : expected)
    results.push_back(snapshot(y.node()));
  for (Watched &w : watched) {
    w.after = snapshot(w.node.get());
    w.grad_after = snapshot(w.node->grad.node());
  }
  put_back();
  leaves.clear();
  compiled(got);
  CheckReport report;
  auto note = [&](const std::string &difference) {
    if (report.difference.empty())
      report.difference = difference;
  };
  if (got.size() != expected.size())
    note("eager gives " + std::to_string(expected.size()) +
         " results, compiled " + std::to_string(got.size()));
  for (size_t i = 0; i < results.size() && i < got.size(); ++i)
    note(compare_values("result " + std::to_string(i), results[i],
                        snapshot(got[i].node())));
  for (Watched &w : watched) {
    note(compare_values("gradient of " + w.name, w.grad_after,
                        snapshot(w.node->grad.node())));
    note(compare_values("new contents of " + w.name, w.after,
                        snapshot(w.node.get())));
  }
  if (report)
    return report;
  put_back();
  for (size_t i = 0; i < args.size(); ++i) {
    leaves.resize(std::max(leaves.size(), i + 1));
    leaves[i] = NodeRef(args[i]->node());
  }
  leaves.resize(impl->present->trace->values.size());
  Search search(*impl->present, std::move(leaves), impl->driver_options());
  search.find(report);
  report.pass = search.changing_pass();
  if (!report.op.empty())
    report.difference +=
        "\n  first in " + report.op +
        (report.detail.empty() ? "" : ": " + report.detail) +
        (report.where ? "  [" + to_string(report.where) + "]" : "");
  if (!report.pass.empty())
    report.difference += "\n  the pass " + report.pass + " changes it";
  return report;
}

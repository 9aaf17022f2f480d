//===- Engine.cpp - the one door of all operations ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/engine/Engine.h"
#include "frontend/core/Array.h"
#include "frontend/core/Graphics.h"
#include "frontend/core/ThreadState.h"
#include "frontend/engine/Kernels.h"
#include "frontend/engine/Merging.h"
#include "frontend/engine/Rules.h"
#include "frontend/engine/Tape.h"

#include <cmath>
#include <cstring>
#include <new>

using namespace etch;
using namespace etch::detail;

Recorder::~Recorder() = default;

Recorder *detail::recorder() { return thread_state().recorder; }

RecordingScope::RecordingScope(Recorder *r) : outer(thread_state().recorder) {
  thread_state().recorder = r;
}
RecordingScope::~RecordingScope() { thread_state().recorder = outer; }

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// The same words for every op; the rule's own reason comes first where it is
/// about shapes.
[[noreturn]] static void reject(const OpInfo &op, std::span<const Variable> xs,
                                const std::string &error,
                                const Location &where) {
  std::string message = std::string(op.name) + ": " + error;
  for (const Variable &x : xs)
    if (x.dtype() != xs[0].dtype() && op.kind != OpKind::indexed)
      throw DTypeError(message, where);
  // A rule that holds for floats was broken by the element type.
  if (!xs.empty() && !is_floating(xs[0].dtype()) &&
      error.find("not defined for") != error.npos)
    throw DTypeError(message, where);
  throw ShapeError(message, where);
}

static TensorType infer(const OpInfo &op, std::span<const Variable> xs,
                        const Attrs &attrs, const Location &where) {
  TensorType types[3];
  for (size_t i = 0; i < xs.size(); ++i) {
    if (!xs[i].defined())
      throw ValueError(std::string(op.name) + ": operand " + std::to_string(i) +
                           " is empty",
                       where);
    types[i] = xs[i].node()->value->type();
  }
  std::string error;
  auto type = op.infer({types, xs.size()}, attrs, error);
  if (!type)
    reject(op, xs, error, where);
  check_size(type->shape, op.name, where);
  return *type;
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

/// Gives contents their place in the graph.
static Variable finish(const OpInfo &op, std::span<const Variable> xs,
                       Attrs &&attrs, ValueRef value, const Location &where) {
  Variable y = make_variable(std::move(value));
  if (thread_state().config.enable_backprop)
    record_on_tape(op, xs, std::move(attrs), y, where.in_user_code());
  else
    y.node()->flags |= Node::untracked;
  return y;
}

Variable detail::apply_typed(const OpInfo &op, std::span<const Variable> xs,
                             Attrs &&attrs, const TensorType &type,
                             const Location &where) {
  if (Recorder *r = thread_state().recorder)
    return r->apply(op, xs, std::move(attrs), type, where.in_user_code());
  if (merges(thread_state()))
    return apply_merged(op, xs, std::move(attrs), type, {}, where);
  ValueRef value;
  try {
    value = execute(op, xs, attrs, type, where);
  } catch (const std::bad_alloc &) {
    fail_memory(op.name, type, where);
  }
  return finish(op, xs, std::move(attrs), std::move(value), where);
}

Variable detail::apply(OpId id, std::span<const Variable> xs, Attrs attrs,
                       const Location &where) {
  const OpInfo &op = opInfo(id);
  if (Recorder *r = thread_state().recorder)
    if (Variable y = r->known(op, xs, attrs, where); y.defined())
      return y;
  TensorType type = infer(op, xs, attrs, where);
  return apply_typed(op, xs, std::move(attrs), type, where);
}

Variable detail::known(OpId id, std::span<const Operand> xs,
                       const Attrs &attrs) {
  Recorder *r = thread_state().recorder;
  return r ? r->known(opInfo(id), xs, attrs, xs[0].location()) : Variable();
}

Variable detail::apply_view(OpId id, std::span<const Variable> xs, Attrs attrs,
                            ValueRef view, const Location &where) {
  const OpInfo &op = opInfo(id);
  if (thread_state().recorder)
    return apply(id, xs, std::move(attrs), where);
  if (merges(thread_state())) {
    TensorType type = view->type();
    return apply_merged(op, xs, std::move(attrs), type, std::move(view), where);
  }
  return finish(op, xs, std::move(attrs), std::move(view), where);
}

Variable detail::make_literal(double value, const TensorType &type,
                              const Location &where) {
  if (Recorder *r = thread_state().recorder)
    return r->literal(value, type, where.in_user_code());
  return make_variable(make_splat(value, type.dtype, type.shape),
                       Node::constant | Node::literal);
}

const ValueRef &detail::held_contents(const Variable &x, const char *what,
                                      const Location &where) {
  if (!x.defined())
    throw ValueError(std::string(what) + ": the Variable is empty", where);
  const ValueRef &v = x.node()->value;
  if (!v->storage) {
    if (Recorder *r = thread_state().recorder)
      r->host_read(x, what, where.in_user_code());
    throw ValueError(
        std::string(what) + ": the contents of " +
            (x.name().empty() ? "a Variable" : "'" + x.name() + "'") + " of " +
            to_string(v->type()) +
            " are not there: it is a value of a compiled "
            "function, or was released",
        where);
  }
  return v;
}

const ValueRef &detail::contents(const Variable &x, const char *what,
                                 const Location &where) {
  return host_value(held_contents(x, what, where), where);
}

/// A reduction over neighbouring axes of a dense array is the canonical one of
/// the same memory: what expand() says, without building it. Null otherwise.
static ValueRef reduce_neighbours(const OpInfo &op, const Value &x,
                                  const std::vector<int64_t> &axes,
                                  const TensorType &type,
                                  const Location &where) {
  if (axes.empty() || axes.back() - axes.front() + 1 != int64_t(axes.size()) ||
      !x.is_dense())
    return {};
  Shape three = {1, 1, 1};
  for (int i = 0; i < x.shape.rank(); ++i)
    three[i < axes.front() ? 0 : i <= axes.back() ? 1 : 2] *= x.shape[i];
  ValueRef view = view_reshape(x, three);
  const Value *operand = view.get();
  static const Attrs canonical = {std::vector<int64_t>{1}, false};
  ValueRef y = run_kernel(op, {&operand, 1}, canonical,
                          {type.dtype, {three[0], three[2]}}, where);
  return view_reshape(*y, type.shape);
}

/// Those of sum_to, as its expansion finds them.
static std::vector<int64_t> summed_axes(const Shape &from, const Shape &to) {
  std::vector<int64_t> axes;
  int lead = from.rank() - to.rank();
  for (int i = 0; i < from.rank(); ++i)
    if (i < lead || (to[i - lead] == 1 && from[i] != 1))
      axes.push_back(i);
  return axes;
}

/// The same without a call where they are there.
static inline const ValueRef &held(const Variable &x, const OpInfo &op,
                                   const Location &where) {
  return has_contents(x) ? x.node()->value : held_contents(x, op.name, where);
}

/// Numbers of the host, and indices, are wanted where the arrays are.
static int device_for(const OpInfo &op, std::span<const Variable> xs,
                      const Location &where) {
  int device = -1;
  for (const Variable &x : xs)
    device = std::max(device, device_of(*held(x, op, where)));
  if (device < 0)
    return device;
  for (size_t i = 0; i < xs.size(); ++i) {
    const Value &v = *xs[i].node()->value;
    bool index = op.kind == OpKind::indexed && i > 0 && is_integer(v.dtype);
    if (device_of(v) == device || is_number(v) || (index && !v.on_device()))
      continue;
    std::string places;
    for (const Variable &x : xs)
      places += (places.empty()                 ? ""
                 : x.node() == xs.back().node() ? " and "
                                                : ", ") +
                to_string(x.device());
    throw DeviceError(std::string(op.name) +
                          ": its operands are on different devices: " + places,
                      where);
  }
  return device;
}

static ValueRef execute_there(const OpInfo &op, std::span<const Variable> xs,
                              const Attrs &attrs, const TensorType &type,
                              const Location &where);

ValueRef detail::execute(const OpInfo &op, std::span<const Variable> xs,
                         const Attrs &attrs, const TensorType &type,
                         const Location &where) {
  if (op.id == OpId::Iota)
    return count_up(type.shape);
  int device = device_for(op, xs, where);
  if (device < 0)
    return execute_there(op, xs, attrs, type, where);
  Variable there[3];
  for (size_t i = 0; i < xs.size(); ++i) {
    const ValueRef &v = xs[i].node()->value;
    // Where a slice starts is read by the host.
    bool stays = device_of(*v) == device ||
                 (i == 1 && (op.id == OpId::SliceAt || op.id == OpId::PlaceAt));
    there[i] = stays           ? xs[i]
               : is_number(*v) ? make_variable(splat_to(device, *v, where))
                               : make_variable(copy_to(device, *v, where));
  }
  return execute_there(op, {there, xs.size()}, attrs, type, where);
}

static ValueRef place_there(const Value &x, const Attrs &attrs,
                            const TensorType &type, const Location &where) {
  // Zeros among zeros stay a number: what is on no device fits any.
  auto is_zero = [&](const void *bits) {
    static const char none[8] = {};
    return !std::memcmp(bits, none, size_t(size_of(x.dtype)));
  };
  double fill = std::get<double>(attrs[2]);
  if (is_number(x) && x.shape.elements() && is_zero(x.data) && fill == 0 &&
      !std::signbit(fill))
    return make_splat(0, type.dtype, type.shape);
  if (!x.on_device())
    return place(x, attrs, type);
  if (ValueRef y = place_on_device(x, attrs, type, where))
    return y;
  ValueRef here = copy_to(-1, x, where);
  return copy_to(device_of(x), *place(*here, attrs, type), where);
}

static ValueRef execute_there(const OpInfo &op, std::span<const Variable> xs,
                              const Attrs &attrs, const TensorType &type,
                              const Location &where) {
  const ValueRef &x = held(xs[0], op, where);
  switch (op.id) {
  case OpId::StopGradient:
    return x;
  case OpId::Transpose:
    return view_transpose(*x, std::get<std::vector<int64_t>>(attrs[0]));
  case OpId::BroadcastTo:
    return view_broadcast(*x, type.shape);
  case OpId::Slice:
    return view_slice(*x, attrs, type.shape);
  case OpId::SliceAt:
  case OpId::PlaceAt: {
    Attrs fixed =
        attrs_at(*contents(xs[1], op.name, where), attrs, x->shape, type.shape);
    return op.id == OpId::SliceAt ? view_slice(*x, fixed, type.shape)
                                  : place_there(*x, fixed, type, where);
  }
  case OpId::Place:
    return place_there(*x, attrs, type, where);
  case OpId::Reshape: {
    if (ValueRef view = view_reshape(*x, type.shape))
      return view;
    const Value *from = x.get();
    ValueRef dense = run_kernel(opInfo(OpId::StopGradient), {&from, 1}, {},
                                x->type(), where);
    return view_reshape(*dense, type.shape);
  }
  case OpId::Sum:
  case OpId::Max:
  case OpId::Min:
    if (ValueRef y = reduce_neighbours(
            op, *x, std::get<std::vector<int64_t>>(attrs[0]), type, where))
      return y;
    break;
  case OpId::SumTo:
    if (ValueRef y =
            reduce_neighbours(opInfo(OpId::Sum), *x,
                              summed_axes(x->shape, type.shape), type, where))
      return y;
    break;
  default:
    break;
  }
  if (op.expand) {
    RuleRunner runner(where);
    GraphBuilder::Handle handles[3];
    for (size_t i = 0; i < xs.size(); ++i)
      handles[i] = runner.source(xs[i].node()->value->type(), xs[i]);
    if (Expr y = op.expand({&runner, {handles, xs.size()}, {}, {}, attrs})) {
      NoGrad scope;
      return runner.evaluate(y.handle()).node()->value;
    }
  }
  const Value *values[3];
  for (size_t i = 0; i < xs.size(); ++i)
    values[i] = held(xs[i], op, where).get();
  return run_kernel(op, {values, xs.size()}, attrs, type, where);
}

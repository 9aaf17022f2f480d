//===- Variable.cpp - the handle ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/functions.h"
#include "etch/graph.h"
#include "frontend/core/Convert.h"
#include "frontend/core/Graphics.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Tape.h"

#include <cstring>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Properties
//===----------------------------------------------------------------------===//

Variable Variable::adopt(Node *node) noexcept {
  Variable x;
  x.node_ = node;
  return x;
}

static const Value &value_of(const Variable &x) {
  if (!x.defined())
    throw ValueError("the Variable is empty");
  return *x.node()->value;
}

const Shape &Variable::shape() const { return value_of(*this).shape; }
int Variable::ndim() const { return shape().rank(); }
int64_t Variable::size() const { return shape().elements(); }
DType Variable::dtype() const { return value_of(*this).dtype; }
TensorType Variable::type() const { return value_of(*this).type(); }

Device Variable::device() const {
  const Value &v = value_of(*this);
  return v.on_device() ? Device{Device::Kind::cuda, uint8_t(device_of(v))}
                       : cpu();
}

Variable Variable::to(Device device, SourceLocation l) const {
  const Value &v = value_of(*this);
  int index = device.kind == Device::Kind::cuda ? device.index : -1;
  if (recorder() || !v.storage || device_of(v) == index)
    return *this;
  Variable copy = make_variable(copy_to(index, v, l));
  copy.node()->flags |= node_->flags & (Node::parameter | Node::constant);
  if (node_->name)
    copy.set_name(*node_->name);
  return copy;
}

int64_t Variable::shape(int axis) const {
  const Shape &s = shape();
  int i = axis < 0 ? axis + s.rank() : axis;
  if (i < 0 || i >= s.rank())
    throw ShapeError("shape: axis " + std::to_string(axis) +
                     " is out of range for " + to_string(s));
  return s[i];
}

int64_t Variable::len() const {
  if (ndim() == 0)
    throw ShapeError("len: an array of shape () has no length");
  return shape()[0];
}

const std::string &Variable::name() const {
  static const std::string unnamed;
  return node_ && node_->name ? *node_->name : unnamed;
}

Variable &Variable::set_name(std::string name) {
  value_of(*this);
  if (!node_->name)
    node_->name = new std::string;
  *node_->name = std::move(name);
  return *this;
}

bool Variable::requires_grad() const {
  return defined() && takes_gradient(*node_);
}

Variable &Variable::set_requires_grad(bool on) {
  value_of(*this);
  // A trace knows what its own values are made of: a leaf is another one.
  Recorder *r = node_->trace ? recorder() : nullptr;
  if (r && on && is_floating(dtype()) && !node_->value->storage &&
      (node_->flags & Node::constant))
    return *this = r->leaf(*this, Location());
  if (on)
    node_->flags &= uint16_t(~Node::constant);
  else
    node_->flags |= Node::constant;
  return *this;
}

Variable::operator bool() const {
  if (!defined() || dtype() != boolean)
    return defined();
  if (size() != 1)
    throw ValueError("bool: " + std::to_string(size()) +
                     " elements have no single truth value");
  return *static_cast<const bool *>(contents(*this, "bool", {})->data);
}

//===----------------------------------------------------------------------===//
// Host reads
//===----------------------------------------------------------------------===//

template <class T> T Variable::item(SourceLocation l) const {
  const Value &v = *contents(*this, "item", l);
  if (v.shape.elements() != 1)
    throw ValueError("item: the array has shape " + to_string(v.shape) +
                         ", not one element",
                     l);
  T result;
  convert(v.data, v.dtype, &result, dtype_of<T>, 1);
  return result;
}

/// to_vector() of booleans: std::vector<bool> has no elements in memory.
template <class T> std::vector<T> Variable::to_vector(SourceLocation l) const {
  contents(*this, "to_vector", l);
  ValueRef v = dense_value(*this);
  int64_t n = v->shape.elements();
  if constexpr (std::is_same_v<T, bool>) {
    std::vector<char> bytes(static_cast<size_t>(n));
    convert(v->data, v->dtype, bytes.data(), boolean, n);
    return std::vector<bool>(bytes.begin(), bytes.end());
  } else {
    std::vector<T> result(static_cast<size_t>(n));
    convert(v->data, v->dtype, result.data(), dtype_of<T>, n);
    return result;
  }
}

template <class T> std::span<T> Variable::span(SourceLocation l) const {
  using Element = std::remove_const_t<T>;
  const Value &v = *contents(*this, "span", l);
  if (node_->value->on_device())
    throw DeviceError("span: the array is on " + to_string(device()) +
                          ": take that of x.to(cpu())",
                      l);
  if (v.dtype != dtype_of<Element>)
    throw DTypeError(std::string("span: the elements are ") + name_of(v.dtype) +
                         ", not " + name_of(dtype_of<Element>),
                     l);
  if constexpr (std::is_const_v<T>) {
    if (!v.is_dense())
      node_->value = dense_copy(v); // the same contents: nobody can tell
  } else {
    if (Recorder *r = recorder())
      r->host_write(*this, Location(l).in_user_code());
    make_writable(*node_);
  }
  return {static_cast<T *>(node_->value->data), size_t(size())};
}

#define ETCH_ELEMENT(T)                                                        \
  template T Variable::item<T>(SourceLocation) const;                          \
  template std::vector<T> Variable::to_vector<T>(SourceLocation) const;        \
  template std::span<T> Variable::span<T>(SourceLocation) const;               \
  template std::span<const T> Variable::span<const T>(SourceLocation) const;
ETCH_ELEMENT(bool)
ETCH_ELEMENT(int32_t)
ETCH_ELEMENT(int64_t)
ETCH_ELEMENT(float)
ETCH_ELEMENT(double)
#undef ETCH_ELEMENT

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

void Variable::assign(const Variable &value, SourceLocation l) {
  if (!value.defined())
    throw ValueError("assign: the new value is empty", l);
  if (Recorder *r = defined() ? recorder() : nullptr)
    return r->assign(*this, value, Location(l).in_user_code());
  const ValueRef &v = held_contents(value, "assign", l);
  if (!defined()) {
    *this = make_variable({});
  } else if (int at = device_of(*node_->value);
             node_->value->storage && at != device_of(*v)) {
    // An array stays where it is.
    node_->value = copy_to(at, *v, l);
    return;
  }
  // A result that nobody else holds is taken over.
  bool own = value.node()->refs == 1 && v->refs == 1 && v->storage->refs == 1 &&
             v->is_dense() && !v->storage->foreign;
  node_->value = own ? v : dense_copy(*v);
}

Variable Variable::detach(SourceLocation l) const {
  value_of(*this);
  if (recorder())
    return detail::apply(OpId::StopGradient, {*this}, {}, l);
  return make_variable(node_->value, Node::constant);
}

Data Variable::data(SourceLocation l) const {
  return Data(defined() ? detach(l) : Variable(), *this, l);
}

Data &Data::operator=(const Variable &value) {
  LocationScope scope(location);
  target.assign(value);
  Variable::operator=(target.detach());
  return *this;
}

Parameter::Parameter(const Variable &initial, std::string name)
    : Variable(
          make_variable(dense_copy(*held_contents(initial, "Parameter", {})),
                        Node::parameter)) {
  if (!name.empty())
    set_name(std::move(name));
}

bool etch::is_parameter(const Variable &x) {
  return x.defined() && (x.node()->flags & Node::parameter);
}

//===----------------------------------------------------------------------===//
// Graph
//===----------------------------------------------------------------------===//

Variable Variable::grad() const { return node_ ? node_->grad : Variable(); }

void Variable::set_grad(const Variable &gradient) const {
  const Value &v = value_of(*this);
  if (gradient.defined() && gradient.type() != v.type())
    throw ShapeError("set_grad: the array is " + to_string(v.type()) +
                     ", the gradient " + to_string(gradient.type()));
  node_->grad = gradient;
}

void Variable::clear_grad() const {
  if (node_)
    node_->grad = Variable();
}

Creator Variable::creator() const {
  return !node_ || node_->is_leaf() ? Creator() : Creator(node_->creator.get());
}

int64_t Variable::generation() const { return node_ ? node_->generation : 0; }

//===----------------------------------------------------------------------===//
// Conveniences
//===----------------------------------------------------------------------===//

Variable Variable::reshape(const Shape &shape, SourceLocation l) const {
  return etch::reshape(Operand(*this, l), shape);
}
Variable Variable::reshape_at(const Shape &shape, const Location &l) const {
  LocationScope scope(l);
  return etch::reshape(*this, shape);
}
Variable Variable::astype(DType dtype, SourceLocation l) const {
  return etch::astype(Operand(*this, l), dtype);
}
Variable Variable::transpose(std::initializer_list<int> axes,
                             SourceLocation l) const {
  return etch::transpose(Operand(*this, l), axes);
}
Variable Variable::T(SourceLocation l) const {
  return etch::transpose(Operand(*this, l));
}
Variable Variable::sum(const Reduce &options, SourceLocation l) const {
  return etch::sum(Operand(*this, l), options);
}
Variable Variable::mean(const Reduce &options, SourceLocation l) const {
  return etch::mean(Operand(*this, l), options);
}
Variable Variable::max(const Reduce &options, SourceLocation l) const {
  return etch::max(Operand(*this, l), options);
}
Variable Variable::min(const Reduce &options, SourceLocation l) const {
  return etch::min(Operand(*this, l), options);
}

Variable Operand::array() const {
  if (variable)
    return *variable;
  return materialize(*this, {kind, {}}, where);
}

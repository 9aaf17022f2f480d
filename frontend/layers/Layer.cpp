//===- Layer.cpp - Parameters and their owners ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/layers.h"

#include "frontend/core/Graphics.h"
#include "frontend/engine/Engine.h"

#include <algorithm>
#include <cxxabi.h>
#include <unordered_set>

namespace etch {

namespace {

std::string class_name(const std::type_info &type) {
  int status = 0;
  std::unique_ptr<char, void (*)(void *)> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : type.name();
}

std::string join(const std::string &prefix, const std::string &name) {
  return prefix.empty() ? name : prefix + "/" + name;
}

} // namespace

Layer::Layer(Layer &owner, std::string name) {
  owner.add_layer(std::move(name), *this);
}

Layer::~Layer() {
  for (Member &m : members)
    if (m.layer)
      m.layer->owner = nullptr;
  if (owner)
    std::erase_if(owner->members,
                  [this](const Member &m) { return m.layer == this; });
}

Variable Layer::forward(const Variable &) {
  throw UserError(class_name(typeid(*this)) +
                      ": forward is not implemented: override it",
                  Location().in_user_code());
}

Variable Layer::operator()(Operand x) {
  LocationScope scope(x.location());
  return forward(x.is_literal() ? x.array() : x.var());
}

void Layer::register_member(Member member) {
  auto same = [&](const Member &m) { return m.name == member.name; };
  if (member.name.empty() || member.name.find('/') != std::string::npos)
    throw ValueError(class_name(typeid(*this)) + ": '" + member.name +
                     "' is no name for a parameter or layer");
  if (std::any_of(members.begin(), members.end(), same))
    throw ValueError(class_name(typeid(*this)) + ": two members are named '" +
                     member.name + "'");
  members.push_back(std::move(member));
}

void Layer::add_param(std::string name, Parameter &p) {
  register_member({std::move(name), &p, nullptr});
  set_names();
}

void Layer::add_state(std::string name, Parameter &p) {
  register_member({std::move(name), &p, nullptr, /*learned=*/false});
  set_names();
}

void Layer::add_layer(std::string name, Layer &inner) {
  if (inner.owner)
    throw ValueError("layer '" + inner.own_name + "' has an owner already");
  register_member({name, nullptr, &inner});
  inner.owner = this;
  inner.own_name = std::move(name);
  inner.set_names();
}

void Layer::init_param(Parameter &p, const Variable &contents) {
  detail::RecordingScope suspended(nullptr);
  NoGrad no_grad;
  p = Parameter(contents);
  set_names();
}

std::string Layer::path() const {
  return owner ? join(owner->path(), own_name) : "";
}

// A name that the user gave stays; one that is the end of the path was given
// here before the layer got its owner, and grows with it.
void Layer::set_names() const {
  std::vector<Named> all;
  collect(path(), all);
  for (const Named &n : all) {
    Parameter &p = *n.parameter;
    if (p.defined() && (p.name().empty() || n.path.ends_with("/" + p.name())))
      p.set_name(n.path);
  }
}

void Layer::collect(const std::string &prefix, std::vector<Named> &out) const {
  for (const Member &m : members) {
    std::string path = join(prefix, m.name);
    if (m.layer)
      m.layer->collect(path, out);
    else
      out.push_back({std::move(path), m.parameter});
  }
}

std::vector<Layer::Named> Layer::named_params() const {
  std::vector<Named> all;
  collect("", all);
  return all;
}

// These two run in every step of a training: no names are made.
void Layer::collect(Variables &out) const {
  for (const Member &m : members)
    if (m.layer)
      m.layer->collect(out);
    else if (m.learned && m.parameter->defined())
      out.push_back(*m.parameter);
}

Variables Layer::params() const {
  Variables all;
  collect(all);
  // Each array once, in the order of registration. Few are compared directly.
  constexpr size_t few = 32;
  std::unordered_set<const detail::Node *> seen;
  size_t kept = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    auto same = [&](const Variable &p) { return p.is(all[i]); };
    bool is_new =
        all.size() <= few
            ? std::none_of(all.begin(), all.begin() + int64_t(kept), same)
            : seen.insert(all[i].node()).second;
    if (is_new && kept++ != i)
      all[kept - 1] = all[i];
  }
  all.resize(kept);
  return all;
}

void Layer::clear_grads() {
  for (const Member &m : members)
    if (m.layer)
      m.layer->clear_grads();
    else if (m.parameter->defined())
      m.parameter->clear_grad();
}

Layer &Layer::to(Device device, SourceLocation l) {
  int index = device.kind == Device::Kind::cuda ? device.index : -1;
  auto move = [&](const Variable &x) {
    if (x.defined() && detail::device_of(*x.node()->value) != index)
      x.node()->value = detail::copy_to(index, *x.node()->value, l);
  };
  for (const Named &n : named_params()) {
    move(*n.parameter);
    if (n.parameter->defined())
      move(n.parameter->grad());
  }
  return *this;
}

} // namespace etch

//===- UserFunction.cpp - operations that users write ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/function.h"
#include "frontend/core/ThreadState.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Tape.h"

#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <typeinfo>

using namespace etch;
using namespace etch::detail;

/// Outlives its Function.
struct detail::FunctionLife : Counted {
  Function *function;
  explicit FunctionLife(Function *f) : function(f) {}
  friend void destroy(FunctionLife *life) noexcept { delete life; }
};

Function::~Function() {
  if (!life)
    return;
  life->function = nullptr;
  if (drop_ref(life))
    destroy(life);
}

std::string Function::name() const {
  int status = 0;
  char *text =
      abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status);
  std::string name = text ? text : typeid(*this).name();
  std::free(text);
  // "(anonymous namespace)::Square" and "f()::Square" are Square to a reader.
  size_t colon = name.find('<') == name.npos ? name.rfind("::") : name.npos;
  return colon == name.npos ? name : name.substr(colon + 2);
}

Variables Function::forward(const Variables &) {
  throw UserError(name() + ": forward is not implemented");
}
Variables Function::backward(const Variables &) {
  throw UserError(name() + ": backward is not implemented");
}

const Variables &Function::inputs() const {
  if (!in)
    throw UserError(name() + ": inputs() are there in backward() only");
  return *in;
}
const Variables &Function::outputs() const {
  if (!out)
    throw UserError(name() + ": outputs() are there in backward() only");
  return *out;
}

namespace {

/// A call of a user's Function on the tape. It keeps all inputs and outputs,
/// since only the user's code knows what it reads.
class FunctionEntry final : public Entry {
public:
  FunctionEntry(Ref<FunctionLife> life, std::string name,
                std::span<const Variable> xs, std::span<const Variable> ys,
                const Location &where);
  std::string name() const override { return function_name; }
  void backward(std::span<const Variable> gys, std::span<const bool> wanted,
                bool connected, std::span<Variable> gxs) override;

private:
  Ref<FunctionLife> life;
  const std::string function_name;
  std::vector<Edge> edge_list;
  std::vector<Output> output_list;
};

} // namespace

namespace etch {
struct FunctionAccess {
  static Ref<FunctionLife> life(Function &f) {
    if (!f.life) {
      f.life = new FunctionLife(&f);
      add_ref(f.life);
    }
    return Ref<FunctionLife>(f.life);
  }
  static Variables backward(Function &f, const Variables &xs,
                            const Variables &ys, const Variables &gys) {
    struct Bind { // restored also when a nested call or an error comes between
      Function &f;
      const Variables *in, *out;
      ~Bind() { f.in = in, f.out = out; }
    } bind{f, f.in, f.out};
    f.in = &xs;
    f.out = &ys;
    Variables gxs = f.backward(gys);
    if (gxs.size() != xs.size())
      throw UserError(f.name() + ": backward gave " +
                      std::to_string(gxs.size()) + " gradients for " +
                      std::to_string(xs.size()) + " inputs");
    for (size_t i = 0; i < gxs.size(); ++i)
      if (gxs[i].defined() && gxs[i].type() != xs[i].type())
        throw ShapeError(f.name() + ": the gradient of input " +
                         std::to_string(i) + " is " + to_string(gxs[i].type()) +
                         ", not " + to_string(xs[i].type()));
    return gxs;
  }
};
} // namespace etch

FunctionEntry::FunctionEntry(Ref<FunctionLife> life, std::string name,
                             std::span<const Variable> xs,
                             std::span<const Variable> ys,
                             const Location &where)
    : Entry(where), life(std::move(life)), function_name(std::move(name)),
      edge_list(xs.size()), output_list(ys.size()) {
  edges = edge_list.data();
  num_inputs = uint32_t(xs.size());
  results = output_list.data();
  num_outputs = uint32_t(ys.size());
  for (size_t i = 0; i < xs.size(); ++i) {
    connect(*this, edges[i], xs[i]);
    edges[i].kept = xs[i].node()->value;
  }
  for (size_t i = 0; i < ys.size(); ++i) {
    adopt_output(int(i), ys[i]);
    results[i].kept = ys[i].node()->value;
  }
}

void FunctionEntry::backward(std::span<const Variable> gys,
                             std::span<const bool>, bool connected,
                             std::span<Variable> gxs) {
  if (!life->function)
    throw UserError(function_name +
                        ": the Function object was destroyed before backward; "
                        "it must outlive the graphs it is part of",
                    where);
  Variables xs, ys, filled(gys.begin(), gys.end());
  for (int i = 0; i < int(num_inputs); ++i)
    xs.push_back(input(i, connected));
  for (int i = 0; i < int(num_outputs); ++i) {
    ys.push_back(output(i));
    if (!filled[size_t(i)].defined())
      filled[size_t(i)] = make_literal(0, results[i].type, where);
  }
  std::ranges::move(FunctionAccess::backward(*life->function, xs, ys, filled),
                    gxs.begin());
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Variables detail::call_forward(Function &f, const Variables &xs) {
  NoGrad scope;
  Variables ys = f.forward(xs);
  // A result needs an identity of its own: not an input, not one twice, not an
  // array that existed before.
  for (size_t i = 0; i < ys.size(); ++i) {
    if (!ys[i].defined())
      throw ValueError(f.name() + ": forward gave an empty Variable");
    auto same = [&](const Variable &x) { return x.is(ys[i]); };
    bool shared = std::any_of(xs.begin(), xs.end(), same) ||
                  std::any_of(ys.begin(), ys.begin() + long(i), same) ||
                  !(ys[i].node()->flags & Node::untracked);
    if (shared && !recorder())
      ys[i] = make_variable(ys[i].node()->value);
  }
  return ys;
}

Variables detail::call_backward(Function &f, const Variables &xs,
                                const Variables &ys, const Variables &gys) {
  return FunctionAccess::backward(f, xs, ys, gys);
}

Variables Function::call(const Variables &xs, const Location &l) {
  Function &f = *this;
  Location where = l.in_user_code();
  LocationScope scope(where);
  for (const Variable &x : xs)
    if (!x.defined())
      throw ValueError(f.name() + ": an input is empty", where);
  if (Recorder *r = recorder())
    return r->call(f, xs, where);
  Variables ys = detail::call_forward(f, xs);
  bool tracked = config().enable_backprop &&
                 std::any_of(xs.begin(), xs.end(), [](const Variable &x) {
                   return takes_gradient(*x.node());
                 });
  for (const Variable &y : ys)
    y.node()->flags &= uint16_t(~Node::untracked);
  if (tracked) {
    // Results keep it alive; without results there is nothing to keep.
    Ref<Entry> entry(
        new FunctionEntry(FunctionAccess::life(f), f.name(), xs, ys, where));
  } else {
    for (const Variable &y : ys)
      y.node()->flags |=
          config().enable_backprop ? Node::constant : Node::untracked;
  }
  return ys;
}

Outputs Function::operator()(Operand x) {
  return call({x.array()}, x.location());
}
Outputs Function::operator()(Operand x0, Operand x1) {
  return call({x0.array(), x1.array()}, x0.location());
}
Outputs Function::operator()(Operand x0, Operand x1, Operand x2) {
  return call({x0.array(), x1.array(), x2.array()}, x0.location());
}
